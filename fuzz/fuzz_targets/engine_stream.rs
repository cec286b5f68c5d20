//! See `fuzz::engine_stream`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::engine_stream(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("engine_stream");
}

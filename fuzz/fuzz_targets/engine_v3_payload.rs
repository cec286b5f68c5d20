//! See `fuzz::engine_v3_payload`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::engine_v3_payload(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("engine_v3_payload");
}

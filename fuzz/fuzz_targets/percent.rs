//! See `fuzz::percent`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::percent(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("percent");
}

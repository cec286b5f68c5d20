//! See `fuzz::inflate`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::inflate(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("inflate");
}

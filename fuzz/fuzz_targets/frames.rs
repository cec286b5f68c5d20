//! See `fuzz::frames`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::frames(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("frames");
}

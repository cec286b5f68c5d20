//! See `fuzz::polling`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::polling(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("polling");
}

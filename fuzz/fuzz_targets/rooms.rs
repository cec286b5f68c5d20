//! See `fuzz::rooms`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rooms(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("rooms");
}

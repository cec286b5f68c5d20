//! See `fuzz::whole_frame`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::whole_frame(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("whole_frame");
}

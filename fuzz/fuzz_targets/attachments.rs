//! See `fuzz::attachments`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::attachments(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("attachments");
}

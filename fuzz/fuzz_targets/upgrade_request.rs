//! See `fuzz::upgrade_request`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::upgrade_request(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("upgrade_request");
}

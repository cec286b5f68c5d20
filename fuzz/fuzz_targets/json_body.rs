//! See `fuzz::json_body`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::json_body(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("json_body");
}

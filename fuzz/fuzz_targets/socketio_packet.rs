//! See `fuzz::socketio_packet`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::socketio_packet(data));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay("socketio_packet");
}

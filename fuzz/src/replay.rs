//! Running the targets on their corpora, without a fuzzer.

use std::{fs, path::Path};

/// What a target does with any bytes.
pub type Target = fn(&[u8]);

/// All targets by their names.
pub const TARGETS: [(&str, Target); 24] = [
    ("engine_packet", crate::engine_packet),
    ("engine_payload", crate::engine_payload),
    ("engine_v3_payload", crate::engine_v3_payload),
    ("engine_stream", crate::engine_stream),
    ("query", crate::query),
    ("session", crate::session),
    ("socketio_packet", crate::socketio_packet),
    ("msgpack", crate::msgpack),
    ("client", crate::client),
    ("attachments", crate::attachments),
    ("upgrade_request", crate::upgrade_request),
    ("whole_frame", crate::whole_frame),
    ("frames", crate::frames),
    ("inflate", crate::inflate),
    ("cookie", crate::cookie),
    ("set_cookie", crate::set_cookie),
    ("percent", crate::percent),
    ("token", crate::token),
    ("json_body", crate::json_body),
    ("route", crate::route),
    ("rooms", crate::rooms),
    ("pipes", crate::pipes),
    ("conversation", crate::conversation),
    ("polling", crate::polling),
];

/// Runs a target on every input of its corpus and answers how many there were.
pub fn replay(name: &str) -> usize {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut inputs = 0;
    for input in fs::read_dir(corpus).expect("each target has a corpus") {
        target(&fs::read(input.unwrap().path()).unwrap());
        inputs += 1;
    }
    inputs
}

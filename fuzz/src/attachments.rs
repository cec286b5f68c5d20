//! Attachments beside a naive model: which packet waits for how many of them, and what each placeholder stands for.

use std::time::{Duration, Instant};

use engineio::{
    Binary, Config,
    socketio::{AssemblyError, Client, ClientAction, Fault, Packet, with_attachments},
};

use crate::script::Script;

/// A packet whose attachments have not all come.
struct Waiting {
    text: String,
    /// The attachment that each placeholder names.
    places: Vec<usize>,
    attachments: Vec<Vec<u8>>,
    until: Instant,
}

impl Waiting {
    fn is_complete(&self) -> bool {
        self.attachments.len() == self.places.len()
    }

    fn length(&self) -> usize {
        self.attachments.iter().map(Vec::len).sum()
    }
}

/// Whatever comes in whatever order, a packet is complete with the attachments that followed it, each in its place.
pub fn attachments(data: &[u8]) {
    let mut script = Script::new(data);
    let config = Config { max_payload: 300, ..Config::default() };
    #[expect(clippy::disallowed_methods, reason = "a start for a clock that the script moves")]
    let mut now = Instant::now();
    let mut client = Client::new(&config, now);
    client.begin("/", &config).expect("there is room for one namespace");
    client.accept("/");
    let mut waiting: Option<Waiting> = None;
    while let Some(choice) = script.byte() {
        match choice % 4 {
            0 => {
                now += Duration::from_secs(u64::from(script.below(40)));
                let is_late = waiting.as_ref().is_some_and(|waiting| waiting.until <= now);
                assert_eq!(client.tick(now), is_late.then_some(Fault::AttachmentTimeout));
                if is_late {
                    return;
                }
            }
            1 => {
                let places = places(&mut script);
                let text = text(&places);
                let action = client.text(&text, &config, now);
                if waiting.is_some() {
                    assert_eq!(action, ClientAction::Close(AssemblyError::TextInstead.into()));
                    return;
                }
                assert_eq!(action, ClientAction::None);
                let until = now + config.attachment_timeout;
                waiting = Some(Waiting { text, places, attachments: Vec::new(), until });
            }
            _ => {
                let bytes = script.bytes();
                let action = client.binary(bytes.into(), &config, now);
                let Some(mut packet) = waiting.take() else {
                    assert_eq!(action, ClientAction::Close(AssemblyError::Unannounced.into()));
                    return;
                };
                packet.attachments.push(bytes.to_vec());
                packet.until = now + config.attachment_timeout;
                if packet.length() > config.max_payload {
                    let limit = config.max_payload;
                    assert_eq!(action, ClientAction::Close(AssemblyError::TooLong { limit }.into()));
                    return;
                }
                if packet.is_complete() {
                    check_complete(action, &packet, &config);
                } else {
                    assert_eq!(action, ClientAction::None);
                    waiting = Some(packet);
                }
            }
        }
        assert_eq!(client.deadline(), waiting.as_ref().map(|waiting| waiting.until));
    }
}

/// One to four attachments, named in any order, and any of them again and again.
fn places(script: &mut Script<'_>) -> Vec<usize> {
    let count = script.below(4) + 1;
    (0..count).map(|_| usize::from(script.below(count))).collect()
}

fn text(places: &[usize]) -> String {
    let placeholders: Vec<_> =
        places.iter().map(|place| format!(r#"{{"_placeholder":true,"num":{place}}}"#)).collect();
    format!(r#"5{}-["file",{}]"#, places.len(), placeholders.join(","))
}

fn check_complete(action: ClientAction<'_>, packet: &Waiting, config: &Config) {
    let ClientAction::Complete(complete) = action else {
        panic!("{action:?} in place of the whole packet");
    };
    assert_eq!(complete.text(), packet.text);
    assert_eq!(complete.attachments(), packet.attachments);
    assert_eq!(complete.packet(), Packet::decode(&packet.text, config).expect("it was read before"));
    let arguments = complete.packet().data.replacen(r#""file","#, "", 1);
    let read: Vec<Binary> = with_attachments(complete.attachments(), || serde_json::from_str(&arguments))
        .expect("they are binary");
    let expected: Vec<_> =
        packet.places.iter().map(|&place| Binary::from(packet.attachments[place].clone())).collect();
    assert_eq!(read, expected);
}

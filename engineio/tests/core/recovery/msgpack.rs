//! Coming back with the parser for MessagePack.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use engineio::{Binary, Config, Parser, Recovery};

use crate::support::{Client, World};

fn world() -> World {
    World::with(Config {
        parser: Parser::Msgpack,
        connection_state_recovery: Some(Recovery::default()),
        ..Config::default()
    })
}

/// The packets that wait for a client, each from its `b` and base64.
fn received(client: &Client) -> Vec<Vec<u8>> {
    let packets = client.received();
    packets.iter().map(|packet| BASE64_STANDARD.decode(packet.strip_prefix('b').unwrap()).unwrap()).collect()
}

/// The short text that stands behind a key, or before the namespace if it is the last argument.
fn text_behind<'a>(packet: &'a [u8], key: &[u8]) -> &'a [u8] {
    let at = packet.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let length = usize::from(packet[at] & 0x1f);
    &packet[at + 1..][..length]
}

fn short_text(text: &[u8]) -> Vec<u8> {
    [&[0xa0 | u8::try_from(text.len()).unwrap()], text].concat()
}

#[test]
fn a_client_of_messagepack_gets_what_it_missed_binary_included_and_once() {
    let world = world();
    let client = world.client();
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa1/");
    let answer = received(&client).remove(0);
    let (id, pid) = (text_behind(&answer, b"\xa3sid").to_vec(), text_behind(&answer, b"\xa3pid").to_vec());
    world.io.emit("ev", &1);
    let seen = received(&client).remove(0);
    let offset = text_behind(&seen, b"\xa2ev\x01").to_vec();
    let wanted =
        [b"\x83\xa4type\x02\xa4data\x93\xa2ev\x01", &short_text(&offset)[..], b"\xa3nsp\xa1/"].concat();
    assert_eq!(seen, wanted);

    client.vanish();
    world.io.emit("ev", &(2, Binary::from("abc")));
    world.io.of("/").volatile().emit("ev", "nobody is there");
    world.io.emit("ev", &3);
    let client = world.client();
    let connect = [
        b"\x83\xa4type\x00\xa4data\x82\xa3pid",
        &short_text(&pid)[..],
        b"\xa6offset",
        &short_text(&offset),
        b"\xa3nsp\xa1/",
    ];
    client.send_binary(&connect.concat());
    let packets = received(&client);
    assert_eq!(packets.len(), 3, "{packets:?}");
    let front = b"\x83\xa4type\x02\xa4data";
    assert!(packets[0].starts_with(&[&front[..], b"\x94\xa2ev\x02\xc4\x03abc\xa8"].concat()), "{packets:?}");
    assert!(packets[1].starts_with(&[&front[..], b"\x93\xa2ev\x03\xa8"].concat()), "{packets:?}");
    assert_eq!(
        (text_behind(&packets[2], b"\xa3sid"), text_behind(&packets[2], b"\xa3pid")),
        (&id[..], &pid[..])
    );

    // A volatile event that ends in a text must not be taken for an offset.
    client.peer.outbox().set_writable(true);
    world.io.of("/").volatile().emit("ev", "x");
    assert_eq!(received(&client), [[&front[..], b"\x93\xa2ev\xa1x\xc0\xa3nsp\xa1/"].concat()]);
}

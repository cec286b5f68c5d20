use proptest::prelude::*;

use super::*;

fn decode(text: &str) -> Result<Packet<'_>, DecodeError> {
    // The default configuration of the reference decoder.
    static CONFIG: std::sync::LazyLock<Config> = std::sync::LazyLock::new(Config::default);
    Packet::decode(text, &CONFIG)
}

#[test]
fn texts_in_a_binary_packet_are_those_of_any_other() {
    // Half of a pair of surrogates, and a number without end, are JSON; who wants them as something else hears of it.
    for data in [r#"["a","\ud800"]"#, r#"["a","\n",1e999]"#] {
        for head in ["2", "51-"] {
            assert!(decode(&format!("{head}{data}")).is_ok(), "{head}{data}");
        }
    }
}

fn check(text: &str, kind: PacketType, namespace: &str, id: Option<AckId>, event: &str, data: &str) {
    let packet = decode(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let got = (packet.kind, packet.namespace, packet.id, packet.event.as_ref(), packet.data);
    assert_eq!(got, (kind, namespace, id, event, data), "{text}");
    let mut out = Vec::new();
    encode_head(kind, packet.attachments, namespace, id, &mut out);
    out.extend_from_slice(data.as_bytes());
    if namespace == "/" || text.contains(',') {
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

#[test]
fn the_examples_of_the_specification_are_read() {
    use PacketType::*;
    check("0", Connect, "/", None, "", "");
    check(r#"0/admin,{"sid":"x"}"#, Connect, "/admin", None, "", r#"{"sid":"x"}"#);
    check(r#"4/admin,{"message":"no"}"#, ConnectError, "/admin", None, "", r#"{"message":"no"}"#);
    check(r#"2["foo"]"#, Event, "/", None, "foo", r#"["foo"]"#);
    check(r#"2/admin,["bar"]"#, Event, "/admin", None, "bar", r#"["bar"]"#);
    check(r#"212["foo"]"#, Event, "/", Some(12), "foo", r#"["foo"]"#);
    check("3/admin,13[]", Ack, "/admin", Some(13), "", "[]");
    check("1/admin,", Disconnect, "/admin", None, "", "");
    check("1/admin", Disconnect, "/admin", None, "", "");
    let data = r#"["baz",{"_placeholder":true,"num":0}]"#;
    check(&format!("51-{data}"), BinaryEvent, "/", None, "baz", data);
    let data = r#"[{"_placeholder":true,"num":0}]"#;
    check(&format!("61-/admin,15{data}"), BinaryAck, "/admin", Some(15), "", data);
}

#[test]
fn a_query_is_part_of_the_namespace_name_in_protocol_five_only() {
    let packet = decode("0/admin?token=1,").unwrap();
    assert_eq!((packet.namespace, packet.query), ("/admin?token=1", ""));
    let packet = packet.with_query_apart();
    assert_eq!((packet.namespace, packet.query), ("/admin", "token=1"));
    let packet = decode("0/admin").unwrap().with_query_apart();
    assert_eq!((packet.namespace, packet.query), ("/admin", ""));
}

#[test]
fn invalid_packets_are_refused() {
    let refused = [
        "",
        "7",
        "9",
        "x",
        "€",
        "abc", // no packet type
        "0[]",
        "0\"x\"",
        "0null",
        "0{",
        "0{}x", // CONNECT
        "1{}",
        "1/admin,{}", // DISCONNECT
        "2",
        "2{}",
        "2[]",
        "2[null]",
        "2[true]",
        "2[{}]",
        "2[[]]",
        "2[\"a\"",
        "2\"a\"", // EVENT
        "2[\"connect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]", // reserved
        "3",
        "3{}",
        "31{}",
        "3[", // ACK
        "4[]",
        "4", // CONNECT_ERROR
        "5",
        "51",
        "5a-[]",
        "51.23-[]",
        "5-[]",
        "511-[\"a\"]",
        "51000000000000-[\"a\"]", // attachments
        "50-[\"a\"]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "299999999999999999999[\"a\"]",
    ];
    for text in refused {
        assert!(decode(text).is_err(), "{text}");
    }
    assert_eq!(decode("9"), Err(DecodeError::UnknownType('9')));
    assert_eq!(decode("5woooot"), Err(DecodeError::IllegalAttachments));
}

#[test]
fn limits_hold_to_the_number() {
    let args = |count: usize| format!("2[\"a\"{}]", ",0".repeat(count));
    assert!(decode(&args(1_000)).is_ok());
    let error = DecodeError::TooManyArguments { limit: 1_000 };
    assert_eq!(decode(&args(1_001)), Err(error));
    let nested = |depth: usize| format!("2[\"a\",{}{}]", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(decode(&nested(128)).is_ok());
    assert_eq!(decode(&nested(129)), Err(DecodeError::TooDeep { limit: 128 }));
    assert!(decode("510-[\"a\"]").is_ok());
    assert_eq!(decode("511-[\"a\"]"), Err(DecodeError::TooManyAttachments { limit: 10, count: 11 }));
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(name in "[a-z]{1,8}", id: Option<u32>, namespace in "/[a-z]{0,5}") {
        prop_assume!(!is_reserved(&name));
        let mut text = Vec::new();
        let id = id.map(u64::from);
        encode_head(PacketType::Event, 0, &namespace, id, &mut text);
        text.extend_from_slice(format!("[{name:?}]").as_bytes());
        let text = String::from_utf8(text).unwrap();
        let packet = decode(&text).unwrap();
        prop_assert_eq!((packet.namespace, packet.id, packet.event.as_ref()), (&*namespace, id, &*name));
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "[0-9]{0,3}[-/,a\"\\[\\]{}:0-9]{0,40}") {
        let _ = decode(&text);
    }
}

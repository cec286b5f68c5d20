use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{LONGEST, any_text, times};

fn config() -> Config {
    Config { max_attachments: 3, max_event_args: 4, max_json_depth: 5, ..Config::default() }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Reads what the reference encoder wrote; answers the packet as text would have it.
fn text(hex: &str) -> (String, Vec<Bytes>) {
    let bytes = bytes(hex);
    let message = Message::decode(&bytes, &config()).unwrap_or_else(|error| panic!("{hex}: {error}"));
    let packet = message.packet();
    let mut text = Vec::new();
    let (kind, count) = (packet.kind, packet.attachments);
    crate::socketio::encode_head(kind, count, packet.namespace, packet.id, &mut text);
    text.extend_from_slice(packet.data.as_bytes());
    (String::from_utf8(text).unwrap(), message.attachments().to_vec())
}

fn refusal(hex: &str) -> DecodeError {
    Message::decode(&bytes(hex), &config()).expect_err(hex)
}

fn encoded(text: &str, attachments: &[Bytes]) -> Vec<u8> {
    let config = Config::default();
    let packet = Packet::decode(text, &config).unwrap();
    let mut out = Vec::new();
    encode(packet.kind, packet.namespace, packet.id, packet.data.as_bytes(), attachments, &mut out);
    out
}

/// A packet's map with these entries, of up to 15.
fn map(entries: &[(&str, &str)]) -> String {
    let mut hex = format!("8{:x}", entries.len());
    for (key, value) in entries {
        hex.push_str(&format!("a{:x}", key.len()));
        hex.extend(key.bytes().map(|byte| format!("{byte:02x}")));
        hex.push_str(value);
    }
    hex
}

/// An event of the namespace `/` whose data are these bytes.
fn event(data: &str) -> String {
    map(&[("type", "02"), ("nsp", "a12f"), ("data", data)])
}

/// What the event `a` with this argument becomes.
fn argument(hex: &str) -> String {
    let (text, _) = text(&event(&format!("92a161{hex}")));
    text.strip_prefix("2[\"a\",").and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text).to_owned()
}

#[test]
fn packets_of_the_reference_encoder_are_read_as_their_text_form() {
    for (hex, wanted) in [
        // `data: undefined`, as the official client sends it without `auth`.
        ("83a47479706500a464617461d40000a36e7370a12f", "0"),
        ("83a47479706500a46461746181a5746f6b656ea178a36e7370a62f61646d696e", r#"0/admin,{"token":"x"}"#),
        ("82a47479706501a36e7370a62f61646d696e", "1/admin,"),
        // With the `options` that the official client sends along.
        (
            "84a47479706502a46461746191a3666f6fa76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
            r#"2["foo"]"#,
        ),
        (
            "85a47479706502a46461746198a3666f6f01ffc0c3c2cb3ff8000000000000a2c3a9a36e7370a12f\
             a269640ca76f7074696f6e7380",
            r#"212["foo",1,-1,null,true,false,1.5,"é"]"#,
        ),
        ("84a47479706503a46461746190a36e7370a62f61646d696ea269640d", "3/admin,13[]"),
        ("83a47479706504a46461746181a76d657373616765a26e6fa36e7370a12f", r#"4{"message":"no"}"#),
    ] {
        let config = Config::default();
        let bytes = bytes(hex);
        let message = Message::decode(&bytes, &config).unwrap();
        assert_eq!(message.packet(), Packet::decode(wanted, &config).unwrap(), "{wanted}");
        assert_eq!(message.attachments(), [] as [Bytes; 0]);
    }
}

#[test]
fn packets_are_written_as_the_reference_encoder_writes_them() {
    for (text, hex) in [
        (r#"0{"sid":"x"}"#, "83a47479706500a46461746181a3736964a178a36e7370a12f"),
        ("1/admin,", "82a47479706501a36e7370a62f61646d696e"),
        (r#"4{"message":"no"}"#, "83a47479706504a46461746181a76d657373616765a26e6fa36e7370a12f"),
        (r#"2["foo"]"#, "83a47479706502a46461746191a3666f6fa36e7370a12f"),
        ("3/admin,13[]", "84a47479706503a46461746190a36e7370a62f61646d696ea269640d"),
    ] {
        assert_eq!(encoded(text, &[]), bytes(hex), "{text}");
    }
}

#[test]
fn values_are_written_in_their_shortest_form() {
    let rows = [
        ("0", "00"),
        ("127", "7f"),
        ("128", "cc80"),
        ("255", "ccff"),
        ("256", "cd0100"),
        ("65535", "cdffff"),
        ("65536", "ce00010000"),
        ("4294967295", "ceffffffff"),
        ("4294967296", "cf0000000100000000"),
        ("18446744073709551615", "cfffffffffffffffff"),
        ("-1", "ff"),
        ("-32", "e0"),
        ("-33", "d0df"),
        ("-128", "d080"),
        ("-129", "d1ff7f"),
        ("-32768", "d18000"),
        ("-32769", "d2ffff7fff"),
        ("-2147483648", "d280000000"),
        ("-2147483649", "d3ffffffff7fffffff"),
        ("-9223372036854775808", "d38000000000000000"),
        ("0.5", "cb3fe0000000000000"),
        ("-0.1", "cbbfb999999999999a"),
        ("1.0", "cb3ff0000000000000"),
        ("1e300", "cb7e37e43c8800759c"),
        ("18446744073709551616", "cb43f0000000000000"),
        ("null", "c0"),
        ("true", "c3"),
        ("false", "c2"),
        (r#""""#, "a0"),
        (r#""\u00e9\n\"""#, "a4c3a90a22"),
        (r#""\ud83d\ude00""#, "a4f09f9880"),
        // Half of a pair, which JSON can have and UTF-8 cannot.
        (r#""\ud83dx\/\b\f\r\t""#, "a9efbfbd782f080c0d09"),
        ("[ ]", "90"),
        ("{}", "80"),
        ("[[], [1 , 2],{\"a\" :[]}]", "93909201 0281a16190"),
        (r#"["[,]{\"",":"]"#, "92a55b2c5d7b22a13a"),
    ];
    for (json, hex) in rows {
        let mut out = Vec::new();
        from_json::value(json, &[], &mut out);
        assert_eq!(out, bytes(hex), "{json}");
    }
    for (length, head) in
        [(31, "bf"), (32, "d920"), (255, "d9ff"), (256, "da0100"), (65_535, "daffff"), (65_536, "db00010000")]
            .into_iter()
            .filter(|row| row.0 <= LONGEST)
    {
        let mut out = Vec::new();
        from_json::value(&format!("{:?}", "x".repeat(length)), &[], &mut out);
        assert!(out.starts_with(&bytes(head)) && out.len() == bytes(head).len() + length, "{length}");
    }
    for (length, array, object) in
        [(15, "9f", "8f"), (16, "dc0010", "de0010"), (65_536, "dd00010000", "df00010000")]
            .into_iter()
            .filter(|row| row.0 <= LONGEST)
    {
        let members = |member: &str| vec![member; length].join(",");
        for (json, head) in
            [(format!("[{}]", members("0")), array), (format!("{{{}}}", members("\"\":0")), object)]
        {
            let mut out = Vec::new();
            from_json::value(&json, &[], &mut out);
            assert!(out.starts_with(&bytes(head)), "{length}");
        }
    }
}

#[test]
fn values_of_all_types_become_json() {
    for (hex, json) in [
        ("00", "0"),
        ("7f", "127"),
        ("e0", "-32"),
        ("ff", "-1"),
        ("ccff", "255"),
        ("cdffff", "65535"),
        ("ceffffffff", "4294967295"),
        ("cfffffffffffffffff", "18446744073709551615"),
        ("d07f", "127"),
        ("d080", "-128"),
        ("d18000", "-32768"),
        ("d280000000", "-2147483648"),
        ("d38000000000000000", "-9223372036854775808"),
        ("ca3fc00000", "1.5"),
        ("cb3fb999999999999a", "0.1"),
        ("cb3ff0000000000000", "1.0"),
        ("cb7e37e43c8800759c", "1e300"),
        ("cb7ff8000000000000", "null"),
        ("cb7ff0000000000000", "null"),
        ("c0", "null"),
        ("c2", "false"),
        ("c3", "true"),
        ("a4225c0a01", r#""\"\\\n\u0001""#),
        ("d903616263", r#""abc""#),
        ("da0003616263", r#""abc""#),
        ("db00000003616263", r#""abc""#),
        ("dc00020102", "[1,2]"),
        ("dd000000020102", "[1,2]"),
        ("de0001a16101", r#"{"a":1}"#),
        ("df00000001a16101", r#"{"a":1}"#),
        // Keys of other libraries than the official one.
        ("8201ffff01", r#"{"1":-1,"-1":1}"#),
        // `undefined`: in an array, and in an object of three.
        ("92d4000001", "[null,1]"),
        ("83a161d40000a16201a163d40000", r#"{"b":1}"#),
        ("d700000001941f297bff", r#""2024-12-31T23:59:59.999Z""#),
        ("d7007fffffffffffffff", "null"),
    ] {
        assert_eq!(argument(hex), json, "{hex}");
    }
    assert_eq!(refusal(&event("92a161a1c3")), Invalid("a text is not UTF-8").into());
}

#[test]
fn binary_data_becomes_attachments_in_document_order() {
    let hex = event("94a3626963c402000181a162c50001 02c703000405 06".replace(' ', "").as_str());
    let (text, attachments) = text(&hex);
    let wanted = r#"53-["bic",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}]"#;
    assert_eq!(text, wanted);
    assert_eq!(attachments, [&[0, 1][..], &[2], &[4, 5, 6]]);
}

#[test]
fn extensions_that_nobody_agreed_on_are_pairs_of_type_and_bytes() {
    for (hex, kind, content) in [
        ("d40501", 5, &[1][..]),
        ("d5050102", 5, &[1, 2]),
        ("d5000102", 0, &[1, 2]),
        ("d6ff00000001", -1, &[0, 0, 0, 1]),
        ("d7ff0000000000000001", -1, &[0, 0, 0, 0, 0, 0, 0, 1]),
        ("c7020501 02", 5, &[1, 2]),
    ] {
        let (text, attachments) = text(&event(&format!("92a161{hex}")));
        assert_eq!(text, format!(r#"51-["a",[{kind},{{"_placeholder":true,"num":0}}]]"#), "{hex}");
        assert_eq!(attachments, [content]);
    }
}

#[test]
fn attachments_take_the_place_of_their_placeholders() {
    let attachments = [Bytes::from_static(b"x"), Bytes::from(vec![7; 300])];
    let text =
        r#"52-["a",{"num" : 1, "_placeholder":true},[{"_placeholder":true,"num":0}],{"num":1,"b":true}]"#;
    let mut wanted = bytes("83a47479706502a46461746194a161c5012c");
    wanted.extend_from_slice(&[7; 300]);
    wanted.extend_from_slice(&bytes("91c40178 82a36e756d01a162c3 a36e7370a12f"));
    assert_eq!(encoded(text, &attachments), wanted);
}

#[test]
fn data_that_looks_like_a_placeholder_stays_data() {
    // {"_placeholder": true, "num": 0} beside one byte.
    let lookalike = "82ac5f706c616365686f6c646572c3a36e756d00";
    let hex = event(&format!("93a161{lookalike}c40178"));
    let (text, attachments) = text(&hex);
    let wanted = r#"51-["a",{"\u005fplaceholder":true,"num":0},{"_placeholder":true,"num":0}]"#;
    assert_eq!(text, wanted);
    let mut out = Vec::new();
    from_json::value(text.strip_prefix("51-").unwrap(), &attachments, &mut out);
    assert_eq!(out, bytes(&format!("93a161{lookalike}c40178")), "and is written as it came");
    // Without attachments, and with a number that is none of theirs.
    for (json, attachments) in
        [(r#"{"_placeholder":true,"num":0}"#, &[][..]), (r#"{"_placeholder":true,"num":1}"#, &["x".into()])]
    {
        let mut out = Vec::new();
        from_json::value(json, attachments, &mut out);
        assert_eq!(out[0], 0x82, "{json}");
    }
}

#[test]
fn absent_may_be_left_out_undefined_or_null() {
    for absent in ["c0", "d40000"] {
        let hex = map(&[("type", "00"), ("nsp", "a12f"), ("data", absent), ("id", absent)]);
        assert_eq!(text(&hex).0, "0");
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let hex = map(&[("data", "91a178"), ("type", "00"), ("nsp", "a12f"), ("data", "91a161"), ("type", "02")]);
    assert_eq!(text(&hex).0, r#"2["a"]"#);
}

#[test]
fn an_event_name_is_a_text_or_an_integer() {
    for (name, wanted) in [("a161", "a"), ("2a", "42"), ("ff", "-1")] {
        let bytes = bytes(&event(&format!("91{name}")));
        assert_eq!(Message::decode(&bytes, &config()).unwrap().packet().event, wanted);
    }
    for name in ["c0", "c3", "90", "80", "c40161", "d40000", "cb3ff8000000000000"] {
        assert_eq!(refusal(&event(&format!("91{name}"))), NO_EVENT, "{name}");
    }
}

#[test]
fn invalid_packets_are_refused() {
    let with = |kind: &str, data: &str| map(&[("type", kind), ("nsp", "a12f"), ("data", data)]);
    for hex in [
        String::new(),
        "c1".into(),
        "c0".into(),
        "90".into(),
        "80".into(),
        // No type, no namespace, no data.
        map(&[("nsp", "a12f"), ("data", "91a161")]),
        map(&[("type", "02"), ("data", "91a161")]),
        map(&[("type", "02"), ("nsp", "a12f")]),
        map(&[("type", "03"), ("nsp", "a12f")]),
        map(&[("type", "04"), ("nsp", "a12f")]),
        // Types that only text has, that nobody has, and that are no numbers.
        with("05", "91a161"),
        with("06", "90"),
        with("ff", "91a161"),
        with("a132", "91a161"),
        with("cb4000000000000000", "91a161"),
        // Payloads of another form.
        with("00", "90"),
        with("00", "a178"),
        with("01", "80"),
        with("02", "80"),
        with("02", "90"),
        with("03", "80"),
        with("04", "90"),
        // Binary data where the text form cannot have any.
        with("00", "81a161c40178"),
        with("04", "81a161c40178"),
        // Reserved names.
        with("02", "91a7636f6e6e656374"),
        with("02", "91aa646973636f6e6e656374"),
        // Namespace, id and keys of other types.
        map(&[("type", "02"), ("nsp", "01"), ("data", "91a161")]),
        map(&[("type", "02"), ("nsp", "a12f"), ("data", "91a161"), ("id", "ff")]),
        map(&[("type", "02"), ("nsp", "a12f"), ("data", "91a161"), ("id", "a131")]),
        map(&[("type", "02"), ("nsp", "a12f"), ("data", "91a161"), ("id", "cfffffffffffffffff")]),
        "8101a178".into(),
        event("92a16181c001"),
        event("92a1618190 01"),
        // Something behind, and lengths that promise more than there is.
        event("91a161") + "c0",
        event("92a161"),
        event("92a161d9"),
        event("92a161c4ff00"),
        event("92a161dbffffffff00"),
        event("92a161c6ffffffff00"),
        event("92a161c9ffffffff0000"),
        event("92a161ddffffffff00"),
        event("92a161dfffffffff00"),
        "dfffffffff".into(),
        format!("{}ddffffffff", map(&[("x", "")])),
    ] {
        assert!(Message::decode(&bytes(&hex), &config()).is_err(), "{hex}");
    }
}

#[test]
fn limits_hold_to_the_number() {
    let args = |count: usize| event(&format!("9{:x}a161{}", count + 1, "00".repeat(count)));
    assert!(Message::decode(&bytes(&args(4)), &config()).is_ok());
    assert_eq!(refusal(&args(5)), DecodeError::TooManyArguments { limit: 4 });
    let nested = |depth: usize| event(&format!("92a161{}90", "91".repeat(depth - 2)));
    assert!(Message::decode(&bytes(&nested(5)), &config()).is_ok());
    assert_eq!(refusal(&nested(6)), DecodeError::TooDeep { limit: 5 });
    let parts = |count: usize| event(&format!("92a1619{count:x}{}", "c400".repeat(count)));
    assert!(Message::decode(&bytes(&parts(3)), &config()).is_ok());
    assert_eq!(refusal(&parts(4)), DecodeError::TooManyAttachments { limit: 3, count: 4 });
}

#[test]
fn a_bomb_of_nested_values_is_refused_without_a_stack_for_it() {
    for value in ["91", "81a161"] {
        let hex = event(&format!("92a161{}c0", value.repeat(times(100_000))));
        assert_eq!(refusal(&hex), DecodeError::TooDeep { limit: 5 }, "{value}");
    }
    // Passed over, in a key nobody asks for.
    let hex = map(&[("type", "01"), ("nsp", "a12f"), ("x", &format!("{}c0", "91".repeat(times(100_000))))]);
    assert_eq!(text(&hex).0, "1");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Value::from),
        any_text(0..40).prop_map(Value::from),
        Just(json!({ "_placeholder": true, "num": 0 })),
    ];
    leaf.prop_recursive(4, 40, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::hash_map(any_text(0..8), inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_packet_comes_back_as_the_json_it_was_written_from(
        args in prop::collection::vec(values(), 0..5), id: Option<u32>, parts in 0_usize..3,
    ) {
        let config = Config::default();
        let attachments: Vec<Bytes> = (0..parts).map(|part| vec![9; part * 200].into()).collect();
        // Data that only looks like a placeholder is escaped where arguments are written.
        let mut json = vec![json!("ev").to_string()];
        json.extend(args.iter().map(|arg| arg.to_string().replace(r#""_placeholder""#, r#""\u005fplaceholder""#)));
        json.extend((0..parts).map(|part| format!(r#"{{"_placeholder":true,"num":{part}}}"#)));
        let data = format!("[{}]", json.join(","));
        let (kind, id) = (PacketType::Event, id.map(AckId::from));
        let mut out = Vec::new();
        encode(kind, "/a", id, data.as_bytes(), &attachments, &mut out);
        let message = Message::decode(&out, &config).unwrap();
        prop_assert_eq!(message.attachments(), &attachments[..]);
        let (back, wanted): (Value, Value) =
            (serde_json::from_str(message.packet().data).unwrap(), serde_json::from_str(&data).unwrap());
        prop_assert_eq!(back, wanted);
        prop_assert_eq!((message.packet().id, message.packet().namespace), (id, "/a"));
        // Written again from what was read, it is the same.
        let mut again = Vec::new();
        encode(kind, "/a", id, message.packet().data.as_bytes(), &attachments, &mut again);
        prop_assert_eq!(again, out);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(tail in prop::collection::vec(any::<u8>(), 0..60)) {
        let config = Config::default();
        let _ = Message::decode(&tail, &config);
        let mut packet = bytes(&event("92a161"));
        packet.extend_from_slice(&tail);
        if let Ok(message) = Message::decode(&packet, &config) {
            let data = message.packet().data;
            prop_assert!(serde_json::from_str::<Value>(data).is_ok(), "{}", data);
        }
    }

    #[test]
    fn no_text_makes_the_encoder_panic(text in "[\\[\\]{},:\"\\\\a-f0-9 .é]{0,40}") {
        from_json::value(&text, &["x".into()], &mut Vec::new());
    }
}

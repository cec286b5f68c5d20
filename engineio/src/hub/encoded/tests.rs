use super::*;

#[test]
fn the_header_has_the_length_the_text_wants() {
    for (length, header) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 0xff, 0xff]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let text = vec![b'x'; length];
        let encoded = Encoded::text(|out| out.extend_from_slice(&text));
        assert_eq!(&encoded.frames()[..header.len()], header);
        assert_eq!(encoded.frames().len(), header.len() + length);
        assert_eq!(&encoded.payload()[..], &text[..]);
        assert_eq!(encoded.stream(), [&header[1..], &text].concat());
    }
}

#[test]
fn attachments_follow_as_frames_and_as_base64() {
    let write = |out: &mut Vec<u8>| out.extend_from_slice(b"451-[]");
    let encoded = Encoded::with_attachments(write, &[Bytes::from_static(&[1, 2, 3, 4])]);
    assert_eq!(encoded.frames(), b"\x81\x06451-[]\x82\x04\x01\x02\x03\x04");
    assert_eq!(&encoded.payload()[..], b"451-[]\x1ebAQIDBA==");
    assert_eq!(encoded.stream(), b"\x06451-[]\x84\x01\x02\x03\x04");
    assert_eq!(encoded.packets(), 2);
}

#[test]
fn a_packet_is_compressed_unless_it_says_otherwise_and_others_of_its_kind_are_not_concerned() {
    let packet = Encoded::text(|out| out.extend_from_slice(b"4a"));
    let plain = packet.clone().with_compression(false);
    assert_eq!((packet.compress(), plain.compress()), (true, false));
    assert_eq!(packet.frames(), plain.frames());
}

#[test]
fn in_protocol_three_binary_has_a_type_and_text_is_the_same() {
    let text = Encoded::text(|out| out.extend_from_slice("4€".as_bytes()));
    assert_eq!(text.v3(false).frames(), text.frames());
    assert!(text.0.others.get().is_none(), "nothing is made for it");
    let write = |out: &mut Vec<u8>| out.extend_from_slice(b"451-[]");
    let encoded = Encoded::with_attachments(write, &[Bytes::from_static(&[1, 2, 3, 4])]);
    assert_eq!(encoded.v3(false).frames(), b"\x81\x06451-[]\x82\x05\x04\x01\x02\x03\x04");
    assert_eq!(encoded.v3(true).frames(), b"\x81\x06451-[]\x81\x0ab4AQIDBA==");
    assert_eq!(encoded.v3(true).packets(), 2);
    let shared = encoded.v3(false);
    assert!(Arc::ptr_eq(&shared.0, &encoded.v3(false).0), "made once for all");
    assert_eq!(Encoded::binary(&[7; 125]).v3(false).frames()[..5], [0x82, 126, 0, 126, 4]);
}

#[test]
fn an_answer_stands_behind_what_goes_with_it_in_a_payload_and_before_it_in_frames() {
    let text = |text: &str| Encoded::text(|out| out.extend_from_slice(text.as_bytes()));
    let both = Encoded::answer_with(&text("40{}"), &[text("42[1]"), text("42[2]")]);
    assert_eq!(&both.payload()[..], b"42[1]\x1e42[2]\x1e40{}");
    assert_eq!(both.frames(), b"\x81\x0440{}\x81\x0542[1]\x81\x0542[2]");
    assert_eq!(both.packets(), 3);
}

#[test]
fn a_lone_binary_message_is_base64_in_a_payload() {
    assert_eq!(&Encoded::binary(&[1, 2, 3, 4]).payload()[..], b"bAQIDBA==");
}

#[test]
fn binary_messages_of_any_length_have_a_stream_form() {
    assert_eq!(Encoded::binary(&[]).stream(), b"\x01b");
    for length in [1, 125, 126, 65_536] {
        let bytes = vec![7; length];
        let mut wanted = Vec::new();
        stream::encode(true, &bytes, &mut wanted);
        assert_eq!(Encoded::binary(&bytes).stream(), wanted);
    }
}

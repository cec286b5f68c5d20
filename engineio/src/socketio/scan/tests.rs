use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;
use crate::testing::times;

fn agrees_with_serde(text: &str) {
    let ours = value(text, MAX_JSON_DEPTH).is_ok();
    assert_eq!(ours, serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text:?}");
}

#[test]
fn valid_and_invalid_texts_are_told_apart() {
    let texts = [
        "0",
        "-0",
        "01",
        "-",
        "1.",
        "1.5e",
        "1e5",
        "1E-05",
        "1e+",
        ".5",
        "+1",
        "- 1",
        "1 2",
        "",
        " ",
        "tru",
        "true",
        "nulll",
        "\"\"",
        "\"a",
        "\"\\x\"",
        "\"\\u00e\"",
        "\"\\u00eg\"",
        "\"\\ud800\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "[]",
        "[ ]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,2",
        "[1}",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\" : [ { } ] }",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:1}",
        "{\"a\":1]",
        "{\"a\":1 \"b\":2}",
        "[[[[]]]]",
        "]",
        "[]]",
        "\u{feff}1",
        "[1]\u{a0}",
        "\"é\u{1f980}\"",
    ];
    texts.iter().for_each(|text| agrees_with_serde(text));
}

#[test]
fn depth_is_counted_outside_strings_only() {
    assert_eq!(value("[[]]", 2), Ok(()));
    assert_eq!(value("[{\"a\":[]}]", 2), Err(ScanError::TooDeep));
    assert_eq!(array("[[[]]]", 2, 9, None), Err(ScanError::TooDeep));
    assert_eq!(value(r#"["[[[[\"[[["]"#, 1), Ok(()));
    assert_eq!(value("[[],[],[],[]]", 2), Ok(()));
    assert_eq!(value(&"[".repeat(times(100_000)), 128), Err(ScanError::TooDeep));
    let deepest = "[".repeat(128) + &"]".repeat(128);
    assert_eq!(value(&deepest, 128), Ok(()));
    assert_eq!(value(&format!("[{deepest}]"), usize::MAX), Err(ScanError::TooDeep));
}

#[test]
fn the_parts_of_an_array_are_found() {
    let parts = |text| array(text, 9, 9, None).map(|array| (array.first, array.len)).ok();
    assert_eq!(parts("[]"), Some(("", 0)));
    assert_eq!(parts(r#" [ "a" , 1 ] "#), Some((r#""a""#, 2)));
    assert_eq!(parts(r#"[{"a":[1, 2]},"]",3]"#), Some((r#"{"a":[1, 2]}"#, 3)));
    for text in ["", "{}", "1", "[1", "[1]x", "[1]]", "[,]"] {
        assert_eq!(parts(text), None, "{text}");
    }
}

#[test]
fn what_is_beyond_the_longest_array_is_not_looked_at() {
    assert!(array("[1,2]", 1, 2, None).is_ok());
    assert_eq!(array("[1,2,3]", 1, 2, None), Err(ScanError::TooLong));
    assert_eq!(array("[1,2,no JSON", 1, 2, None), Err(ScanError::TooLong));
    assert_eq!(array("[1,2 3]", 1, 2, None), Err(ScanError::Syntax));
    assert!(array("[]", 1, 0, None).is_ok());
}

#[test]
fn strings_end_at_the_first_byte_that_means_something_wherever_it_stands() {
    for length in 0..40 {
        for plain in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
            let mut bytes = vec![plain; length];
            assert_eq!(plain_length(&bytes), None);
            for special in [b'"', b'\\', 0, 1, 0x1f] {
                bytes.push(special);
                bytes.extend([b'"'; 9]);
                assert_eq!(plain_length(&bytes), Some(length), "{plain:#x} {special:#x}");
                bytes.truncate(length);
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_looks_like_json_is_judged_as_serde_json_judges_it(text in r#"[\[\]{}:,"\\ u01.eE+\-atruflsn]{0,24}"#) {
        agrees_with_serde(&text);
    }
}

#[test]
fn placeholders_are_found_on_the_way() {
    let found = |text: &str| array(text, 9, 9, Some(2)).unwrap().placeholders;
    for (text, expected) in [
        (r#"["_placeholder",{"num":9},{"a":"\"_placeholder\""}]"#, Placeholders::Good),
        (r#"[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#, Placeholders::Good),
        (r#"[{"_placeholder":true,"num":2},{"_placeholder":true,"num":1}]"#, Placeholders::OutOfRange),
        (r#"[{"_placeholder":true,"num":-1}]"#, Placeholders::Unusual),
        (r#"[{"_placeholder":true,"num":1234567890}]"#, Placeholders::Unusual),
        (r#"[{"_placeholder":true,"num":0,"more":1}]"#, Placeholders::Unusual),
        (r#"[{ "_placeholder":true,"num":0}]"#, Placeholders::Unusual),
        (r#"[{"num":0,"_placeholder":true}]"#, Placeholders::Unusual),
        (r#"[{"_\u0070laceholder":true,"num":2},{"_placeholder":true,"num":2}]"#, Placeholders::Unusual),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
    let placeholder = r#"[{"_placeholder":true,"num":2}]"#;
    assert_eq!(array(placeholder, 9, 9, None).unwrap().placeholders, Placeholders::Good, "it is an object");
    assert_eq!(array(placeholder, 1, 9, Some(9)), Err(ScanError::TooDeep));
    for text in [r#"[{"_placeholder":true,"num":01}]"#, r#"[{"_placeholder":true,"num":}]"#] {
        assert_eq!(array(text, 9, 9, Some(9)), Err(ScanError::Syntax), "{text}");
    }
}

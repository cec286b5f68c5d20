//! What servers see of the options that say how to connect.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, Mutex},
};

use engineio::{Ack, Payload, Server, Socket};

use crate::{
    load,
    server::{correct, start},
};

/// What a server was told by each connection: the URL, a cookie, a header and the authentication.
type Told = Arc<Mutex<Vec<(String, Option<String>, Option<String>, String)>>>;

/// Handlers of a namespace that note what connections tell.
fn notes(namespace: &'static str, told: &Told) -> impl FnOnce(&Server) + use<> {
    let told = told.clone();
    move |io| {
        let namespace = io.of(namespace);
        namespace.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
        namespace.on_connection(move |socket: Socket| {
            let header = |name| socket.handshake().header(name).map(str::to_owned);
            let auth = socket.auth_json().unwrap_or_default().to_owned();
            let url = socket.handshake().url.clone();
            told.lock().unwrap().push((url, header("cookie"), header("x-client"), auth));
        });
    }
}

#[test]
fn path_query_cookies_headers_and_authentication_reach_the_server() {
    for scenario in ["echo --connections 3", "polling --connections 3", "upgrade --in-flight 1"] {
        let told = Told::default();
        let server = start(notes("/chat", &told));
        let options =
            r#"--namespace /chat --auth {"token":"x"} --cookie a=b --cookie c=d --header X-Client:load"#;
        let report = load(&server, &format!("{scenario} {options} --query v=2&w=%20"));
        assert!(report.is_ok(), "{scenario}: {:?}", report.fault);
        let told = told.lock().unwrap();
        assert!(told.len() >= 3, "{scenario}: {told:?}");
        for (url, cookie, header, auth) in told.iter() {
            assert!(url.starts_with("/socket.io/?EIO=4&v=2&w=%20&transport="), "{url}");
            assert_eq!(cookie.as_deref(), Some("a=b; c=d"));
            assert_eq!(header.as_deref(), Some("load"));
            assert_eq!(auth, r#"{"token":"x"}"#);
        }
    }
}

#[test]
fn connections_take_the_lines_of_a_file_in_turn_as_their_authentication() {
    let path = std::env::temp_dir().join(format!("loadtest-{}-auth", std::process::id()));
    fs::write(&path, "{\"n\":1}\n\n{\"n\":2}\n").unwrap();
    let told = Told::default();
    let server = start(notes("/", &told));
    let report = load(&server, &format!("idle --connections 6 --auth-file {}", path.display()));
    fs::remove_file(&path).unwrap();
    assert!(report.is_ok(), "{:?}", report.fault);
    let mut counts = BTreeMap::new();
    for (.., auth) in told.lock().unwrap().iter() {
        *counts.entry(auth.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([(r#"{"n":1}"#.to_owned(), 3), (r#"{"n":2}"#.to_owned(), 3)]));
}

#[test]
fn connections_come_from_as_many_addresses_as_were_asked_for() {
    let server = start(correct);
    let report = load(&server, "idle --connections 20 --source-addresses 3");
    assert!(report.is_ok(), "{:?}", report.fault);
    let clients = server.clients.lock().unwrap();
    let addresses: BTreeSet<_> = clients.iter().map(ToString::to_string).collect();
    let wanted = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(str::to_owned);
    assert_eq!((clients.len(), addresses), (20, BTreeSet::from(wanted)));
}

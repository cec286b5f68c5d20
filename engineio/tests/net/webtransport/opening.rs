//! Who gets a session.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use engineio::{
    Config, Server,
    server::{AllowRequest, ConnectionError, Cors, Middleware, Options, Verdict, WebTransportError},
};
use tokio::{sync::oneshot, time::timeout};
use web_transport_quinn::ClientError;

use super::client::{Client, PATH, World, certificate, knock};
use crate::client::PATIENCE;

async fn is_refused(world: &World, path: &str, origin: Option<&str>) -> bool {
    match world.knock(path, origin).await {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(error, ClientError::HttpError(_)), "{error}");
            true
        }
    }
}

#[tokio::test]
async fn pages_of_foreign_origins_are_refused_and_those_of_the_own_one_let_in() {
    let world = World::new();
    let own = format!("https://{}", world.address);
    assert!(is_refused(&world, PATH, Some("https://evil.example")).await);
    assert!(!is_refused(&world, PATH, Some(&own)).await);
    assert!(!is_refused(&world, PATH, None).await);
    let options = Options { cors: Some(Cors::origins(["https://chat.example"])), ..Options::default() };
    let world = World::with(Config::default(), options);
    assert!(is_refused(&world, PATH, Some("https://evil.example")).await);
    assert!(!is_refused(&world, PATH, Some("https://chat.example")).await);
}

#[tokio::test]
async fn a_foreign_path_is_refused() {
    let world = World::new();
    assert!(is_refused(&world, "/engine.io/?EIO=4&transport=webtransport", None).await);
    assert!(is_refused(&world, "/", None).await);
}

#[tokio::test]
async fn the_application_may_refuse_new_sessions() {
    let allow = AllowRequest::new(|request| {
        let allowed = request.uri.query().unwrap_or_default().contains("token=good");
        if allowed { Ok(()) } else { Err("no token".to_owned()) }
    });
    let refused = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&refused);
    let note = move |error: &ConnectionError<'_>| noted.lock().unwrap().push(error.error.to_string());
    let options = Options {
        allow_request: Some(allow),
        on_connection_error: Some(Arc::new(note)),
        ..Options::default()
    };
    let world = World::with(Config::default(), options);
    assert!(is_refused(&world, PATH, None).await);
    assert!(!is_refused(&world, &format!("{PATH}&token=good"), None).await);
    // A request that names a session is let in without being asked about, but not for a new session.
    let guest = world.knock(&format!("{PATH}&sid=AAAAAAAAAAAAAAAAAAAA"), None).await.unwrap();
    let mut client = Client::open(guest).await;
    client.send("0").await;
    assert_eq!(client.frame().await, None);
    assert!(world.io.peers().is_empty());
    assert_eq!(*refused.lock().unwrap(), ["no token", "Bad request"]);
}

#[tokio::test]
async fn clients_of_another_protocol_version_are_refused() {
    let world = World::with(Config { allow_eio3: true, ..Config::default() }, Options::default());
    for path in ["/socket.io/?EIO=3&transport=webtransport", "/socket.io/?EIO=5&transport=webtransport"] {
        assert!(is_refused(&world, path, None).await, "{path}");
    }
    assert!(!is_refused(&world, "/socket.io/?transport=webtransport", None).await);
}

#[tokio::test]
async fn a_service_with_middleware_does_not_serve_what_that_would_not_see() {
    let world = World::unserved(Config::default());
    let middleware = vec![Middleware::new(|_| Verdict::Next)];
    let options = Options { middleware, ..Options::default() };
    let served = world.io.serve_webtransport(&world.endpoint, options, pending()).await;
    assert!(matches!(served, Err(WebTransportError::Middleware)), "{served:?}");
}

#[tokio::test]
async fn a_first_packet_that_asks_for_no_session_is_refused() {
    let world = World::new();
    for packet in ["2probe", "4hello", "1", "9", "0[]", r#"0{"sid":7}"#, r#"0{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#]
    {
        let mut client = world.stream().await;
        client.send(packet).await;
        assert_eq!(client.frame().await, None, "{packet}");
    }
    for bytes in [&[0][..], &[0x80], &[0x81, b'0'], &[126, 0xff, 0xff], &[0xff; 16], &[2, 0xc3, 0x28]] {
        let mut client = world.stream().await;
        client.write(bytes).await;
        assert_eq!(client.frame().await, None, "{bytes:?}");
    }
    assert!(world.io.peers().is_empty());
    world.serves_others().await;
}

#[tokio::test]
async fn a_client_that_does_not_come_to_a_session_in_time_is_closed() {
    let config = Config { upgrade_timeout: Duration::from_millis(300), ..Config::default() };
    let world = World::with(config, Options::default());
    let without_stream = world.knock(PATH, None).await.unwrap();
    let without_packet = world.stream().await;
    let mut half_a_packet = world.stream().await;
    half_a_packet.write(&[5, b'0']).await;
    for guest in [&without_stream, &without_packet.guest, &half_a_packet.guest] {
        timeout(PATIENCE, guest.session.closed()).await.unwrap();
    }
    assert!(world.io.peers().is_empty());
}

#[tokio::test]
async fn nothing_is_served_while_webtransport_is_off() {
    let world = World::unserved(Config::default());
    let io = Server::new();
    let served = io.serve_webtransport(&world.endpoint, Options::default(), pending()).await;
    assert!(matches!(served, Err(WebTransportError::Off)), "{served:?}");
    assert!(!io.endpoints().have_webtransport());
}

#[tokio::test]
async fn a_renewed_certificate_is_that_of_the_next_connections() {
    let world = World::new();
    let mut before = world.connect().await;
    let (renewed, root) = certificate();
    world.endpoint.renew(renewed);
    let joined = async {
        loop {
            if let Ok(guest) = knock(&world.address, &root, PATH, None).await {
                return Client::open(guest).await.join().await;
            }
        }
    };
    timeout(PATIENCE, joined).await.unwrap().echoes().await;
    assert!(world.knock(PATH, None).await.is_err(), "the old certificate is not used any more");
    before.echoes().await;
}

#[tokio::test]
async fn an_endpoint_that_stops_closes_its_sessions_and_is_not_offered_any_more() {
    let world = World::unserved(Config::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let (io, endpoint) = (world.io.clone(), Arc::clone(&world.endpoint));
        async move { io.serve_webtransport(&endpoint, Options::default(), async { drop(stopped.await) }).await }
    });
    let mut client = world.connect().await;
    assert!(world.io.endpoints().have_webtransport());
    stop.send(()).unwrap();
    assert_eq!(client.frame().await, None);
    timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    assert!(!world.io.endpoints().have_webtransport());
    assert_eq!(world.reasons(), ["server shutting down"]);
}

//! Many clients that are on their way to a session.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use engineio::{Config, Refusal, server::Options};
use tokio::{net::UdpSocket, task::JoinSet, time::timeout};
use web_transport_quinn::quinn::{Connection, ConnectionError, Endpoint, TransportErrorCode};

use super::client::{Client, PATH, World, knock, trusting};
use crate::{client::PATIENCE, websocket::until};

/// The clients that may be on their way, and how many of them without proof of their address.
const MAX_OPENING: usize = 1_024;
const MAX_UNPROVED: usize = 256;
/// Clients that come at the same time.
const AT_ONCE: usize = 16;

/// Clients that come as far as a QUIC connection and then ask for nothing.
struct Idlers {
    endpoint: Endpoint,
    server: SocketAddr,
    connections: Vec<Connection>,
}

impl Idlers {
    fn of(world: &World) -> Self {
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        endpoint.set_default_client_config(trusting(&world.root));
        Self { endpoint, server: world.address.parse().unwrap(), connections: Vec::new() }
    }

    async fn another(endpoint: Endpoint, server: SocketAddr) -> Result<Connection, ConnectionError> {
        timeout(PATIENCE, endpoint.connect(server, "127.0.0.1").unwrap()).await.unwrap()
    }

    /// Comes until there are so many.
    async fn become_as_many_as(&mut self, wanted: usize) {
        while self.connections.len() < wanted {
            let mut coming = JoinSet::new();
            for _ in 0..AT_ONCE.min(wanted - self.connections.len()) {
                coming.spawn(Self::another(self.endpoint.clone(), self.server));
            }
            let come = coming.join_all().await;
            self.connections.extend(come.into_iter().map(Result::unwrap));
        }
    }
}

/// A relay before the server that counts by how many packets the server wanted an address proved.
struct Relay {
    address: String,
    retries: Arc<AtomicUsize>,
}

impl Relay {
    async fn before(world: &World) -> Self {
        let (near, far) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        far.connect(&world.address).await.unwrap();
        let relay = Self { address: near.local_addr().unwrap().to_string(), retries: Arc::default() };
        let retries = Arc::clone(&relay.retries);
        tokio::spawn(async move {
            let (mut from_client, mut from_server) = ([0; 2_048], [0; 2_048]);
            let mut client = None;
            loop {
                tokio::select! {
                    Ok((length, from)) = near.recv_from(&mut from_client) => {
                        client = Some(from);
                        far.send(&from_client[..length]).await.unwrap();
                    }
                    Ok(length) = far.recv(&mut from_server) => {
                        // The long header of a Retry packet (RFC 9000, section 17.2.5).
                        retries.fetch_add(usize::from(from_server[0] >> 4 == 0xf), Ordering::Relaxed);
                        let client = client.unwrap();
                        near.send_to(&from_server[..length], client).await.unwrap();
                    }
                }
            }
        });
        relay
    }

    /// How many proofs of its address a client is asked for on its way to a session.
    async fn proofs(&self, world: &World) -> usize {
        let before = self.retries.load(Ordering::Relaxed);
        let guest = knock(&self.address, &world.root, PATH, None).await.unwrap();
        Client::open(guest).await.join().await.close().await;
        self.retries.load(Ordering::Relaxed) - before
    }
}

#[tokio::test]
async fn clients_on_their_way_to_a_session_are_bounded_and_many_of_them_prove_their_address() {
    let long = Duration::from_secs(300);
    let config = Config { upgrade_timeout: long, ping_interval: long, ..Config::default() };
    let world = World::with(config, Options::default());
    let mut other = world.connect().await;
    let (mut idlers, relay) = (Idlers::of(&world), Relay::before(&world).await);

    idlers.become_as_many_as(MAX_UNPROVED - 1).await;
    assert_eq!(relay.proofs(&world).await, 0);
    idlers.become_as_many_as(MAX_UNPROVED).await;
    assert_eq!(relay.proofs(&world).await, 1);

    // One after the other at the end, as who has still to prove its address has a place for a moment.
    idlers.become_as_many_as(MAX_OPENING - 2 * AT_ONCE).await;
    for wanted in MAX_OPENING - 2 * AT_ONCE..MAX_OPENING {
        idlers.become_as_many_as(wanted + 1).await;
    }
    assert_eq!(world.io.refusals().count(Refusal::WebtransportOpening), 0);
    let refused = Idlers::another(idlers.endpoint.clone(), idlers.server).await;
    let Err(ConnectionError::ConnectionClosed(close)) = refused else { panic!("{refused:?}") };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    assert_eq!(world.io.refusals().count(Refusal::WebtransportOpening), 1);
    other.echoes().await;

    let endpoint = idlers.endpoint.clone();
    let mut is_let_in = false;
    // The packet by which one takes its leave may be lost, and is not sent again: so another leaves each time.
    while let Some(leaving) = idlers.connections.pop() {
        leaving.close(0_u32.into(), b"");
        // Its place is free when the server has heard of its end.
        tokio::time::sleep(Duration::from_millis(10)).await;
        is_let_in = Idlers::another(endpoint.clone(), idlers.server).await.is_ok();
        if is_let_in {
            break;
        }
    }
    assert!(is_let_in, "a place that was given up is another's");
    other.close().await;
    drop(idlers);
    until(|| world.io.peers().is_empty()).await;
}

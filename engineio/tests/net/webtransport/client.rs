//! A server with an endpoint, and its clients.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use engineio::{
    Ack, Config, DisconnectReason, Payload, Server, Socket,
    server::{Certificate, Options, WebTransport},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer, version::TLS13};
use tokio::time::timeout;
use web_transport_quinn::{
    ALPN, ClientError, RecvStream, SendStream, Session,
    http::{HeaderValue, header::ORIGIN},
    proto::ConnectRequest,
    quinn::{self, Endpoint, crypto::rustls::QuicClientConfig},
};

use crate::client::PATIENCE;

/// The path and query of the official client.
pub const PATH: &str = "/socket.io/?EIO=4&transport=webtransport";

/// A server that echoes and notes why sockets leave, with an endpoint for WebTransport.
pub struct World {
    pub io: Server,
    pub endpoint: Arc<WebTransport>,
    pub address: String,
    pub root: CertificateDer<'static>,
    reasons: Arc<Mutex<Vec<String>>>,
}

/// A certificate, as servers and as clients want it.
pub fn certificate() -> (Certificate, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let root = made.cert.der().clone();
    (Certificate::from_der(vec![root.to_vec()], made.signing_key.serialize_der()).unwrap(), root)
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::default(), Options::default())
    }

    pub fn with(config: Config, options: Options) -> Self {
        let world = Self::unserved(config);
        let (io, endpoint) = (world.io.clone(), Arc::clone(&world.endpoint));
        tokio::spawn(async move { io.serve_webtransport(&endpoint, options, pending()).await });
        world
    }

    /// A server whose endpoint is bound and not served yet.
    pub fn unserved(config: Config) -> Self {
        let io = Server::with_config(Config { webtransport: true, ..config }).unwrap();
        io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
        let reasons = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&reasons);
        io.of("/").on_disconnect(move |_: Socket, reason: DisconnectReason| {
            noted.lock().unwrap().push(reason.to_string());
        });
        let (certificate, root) = certificate();
        let endpoint = Arc::new(WebTransport::bind("127.0.0.1:0", certificate).unwrap());
        let address = endpoint.local_address().unwrap().to_string();
        Self { io, endpoint, address, root, reasons }
    }

    /// Why sockets have left so far.
    pub fn reasons(&self) -> Vec<String> {
        self.reasons.lock().unwrap().clone()
    }

    /// A client without a stream.
    pub async fn knock(&self, path: &str, origin: Option<&str>) -> Result<Guest, ClientError> {
        knock(&self.address, &self.root, path, origin).await
    }

    /// A client whose stream is open, and that has sent nothing.
    pub async fn stream(&self) -> Client {
        Client::open(self.knock(PATH, None).await.unwrap()).await
    }

    /// A client that has joined `/`.
    pub async fn connect(&self) -> Client {
        self.stream().await.join().await
    }

    /// An echo shows that the server goes on.
    pub async fn serves_others(&self) {
        self.connect().await.echoes().await;
    }
}

/// A client that was let in.
pub struct Guest {
    /// The client's side of UDP, which must live as long as the connection.
    _endpoint: Endpoint,
    pub session: Session,
}

/// Sends a CONNECT request to whoever has the certificate.
pub async fn knock(
    address: &str,
    root: &CertificateDer<'static>,
    path: &str,
    origin: Option<&str>,
) -> Result<Guest, ClientError> {
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = web_transport_quinn::Client::new(endpoint.clone(), trusting(root));
    let mut request = ConnectRequest::new(format!("https://{address}{path}").parse::<url::Url>().unwrap());
    if let Some(origin) = origin {
        request = request.with_header(ORIGIN, HeaderValue::from_str(origin).unwrap());
    }
    let session = timeout(PATIENCE, client.connect(request)).await.unwrap()?;
    Ok(Guest { _endpoint: endpoint, session })
}

/// The settings of a client that trusts the certificate.
pub fn trusting(root: &CertificateDer<'static>) -> quinn::ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.into()];
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// One frame from the server: whether it is binary, and its bytes.
pub type Frame = (bool, Vec<u8>);

/// A client with a stream.
pub struct Client {
    pub guest: Guest,
    pub writer: SendStream,
    pub reader: RecvStream,
}

/// A frame with the header its length wants.
pub fn frame(is_binary: bool, payload: &[u8]) -> Vec<u8> {
    let bit = if is_binary { 0x80 } else { 0 };
    let length = payload.len();
    let mut bytes = match length {
        0..126 => vec![bit | u8::try_from(length).unwrap()],
        126..65_536 => [&[bit | 126], &u16::try_from(length).unwrap().to_be_bytes()[..]].concat(),
        _ => [&[bit | 127], &(length as u64).to_be_bytes()[..]].concat(),
    };
    bytes.extend_from_slice(payload);
    bytes
}

impl Client {
    pub async fn open(guest: Guest) -> Self {
        let (writer, reader) = guest.session.open_bi().await.unwrap();
        Self { guest, writer, reader }
    }

    /// Asks for a session and joins `/`.
    pub async fn join(mut self) -> Self {
        self.send("0").await;
        assert!(self.text().await.starts_with(r#"0{"sid":""#));
        self.send("40").await;
        assert!(self.text().await.starts_with(r#"40{"sid":""#));
        self
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.writer.write_all(bytes)).await.unwrap().unwrap();
    }

    /// Sends a text packet.
    pub async fn send(&mut self, text: &str) {
        self.write(&frame(false, text.as_bytes())).await;
    }

    /// The next frame; `None` at the end of the stream, however it ends.
    pub async fn frame(&mut self) -> Option<Frame> {
        let [first] = self.bytes::<1>().await?;
        let length = match first & 0x7f {
            127 => usize::try_from(u64::from_be_bytes(self.bytes().await?)).unwrap(),
            126 => usize::from(u16::from_be_bytes(self.bytes().await?)),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        timeout(PATIENCE, self.reader.read_exact(&mut payload)).await.unwrap().ok()?;
        Some((first & 0x80 != 0, payload))
    }

    async fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        timeout(PATIENCE, self.reader.read_exact(&mut bytes)).await.unwrap().ok()?;
        Some(bytes)
    }

    /// The next frame, which is text.
    pub async fn text(&mut self) -> String {
        let (is_binary, payload) = self.frame().await.unwrap();
        assert!(!is_binary, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    pub async fn echoes(&mut self) {
        self.send(r#"427["echo","alive"]"#).await;
        assert_eq!(self.text().await, r#"437["alive"]"#);
    }

    /// Ends the session in an orderly way.
    pub async fn close(self) {
        self.guest.session.close(0, b"");
        timeout(PATIENCE, self.guest.session.closed()).await.unwrap();
    }
}

//! WebTransport beside the other transports.

use std::{
    env,
    future::pending,
    time::{Duration, SystemTime},
};

use engineio::{
    Ack, Binary, Config, Data, DisconnectReason, Payload, Server, Socket,
    server::{Certificate, Cors, Options, WebTransport},
};
use rcgen::{CertificateParams, KeyPair};
use web_transport_quinn::crypto;

use crate::Made;

/// On the UDP port of the same number, with a certificate whose SHA-256 hash is printed. `echo`(args…) is acknowledged with
/// its arguments; `transport` with the name of the transport; `ask`(text) is asked back as `question`(text), whose answer is
/// acknowledged; `empty` with no bytes; `close` closes the connection. When a socket leaves, the others get `left`(reason).
pub(crate) fn server() -> Made {
    let config = Config { webtransport: true, ..Config::default() };
    let io = Server::with_config(config)?;
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("transport", |socket: Socket, ack: Ack| ack.send(socket.peer().transport().as_str()));
    io.on("ask", async |socket: Socket, Data(question): Data<String>, ack: Ack| {
        let Ok(reply) = socket.emit_with_ack("question", &question).await else { return };
        if let Ok(answer) = reply.first::<String>() {
            ack.send(&answer);
        }
    });
    io.on("empty", |ack: Ack| ack.send(&Binary::from(Vec::new())));
    io.on("close", |socket: Socket| socket.peer().close());
    io.of("/").on_disconnect(|socket: Socket, reason: DisconnectReason| {
        socket.namespace().emit("left", &reason.to_string())
    });
    let options = Options { cors: Some(Cors::any()), ..Options::default() };
    let endpoint = endpoint()?;
    let (serving, cors) = (io.clone(), options.clone());
    tokio::spawn(async move {
        if let Err(error) = serving.serve_webtransport(&endpoint, cors, pending()).await {
            println!("no WebTransport: {error}");
        }
    });
    Ok((io, options))
}

fn endpoint() -> Result<WebTransport, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    // Browsers take a certificate by its hash if it uses ECDSA and is valid for less than two weeks.
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + 10 * DAY).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let hash = crypto::sha256(&crypto::default_provider(), certificate.der());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("certificate {hash}");
    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let certificate = Certificate::from_der(vec![certificate.der().to_vec()], key.serialize_der())?;
    Ok(WebTransport::bind(&format!("127.0.0.1:{port}"), certificate)?)
}

//! Servers to be measured, inside the test's own process.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use engineio::{Ack, Args, Data, Payload, Server, Socket, server::serve_connection};
use serde_json::value::RawValue;
use tokio::{net::TcpListener, runtime::Runtime};

/// A server on a port of its own, which ends with this value.
pub struct Running {
    pub address: SocketAddr,
    /// Where connections came from, in their order.
    pub clients: Arc<Mutex<Vec<IpAddr>>>,
    // Dropping the runtime ends the server's tasks.
    _runtime: Runtime,
}

/// Starts a server with the handlers that a function gives it.
pub fn start(handlers: impl FnOnce(&Server)) -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (io, listener) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (Server::new(), listener)
    });
    handlers(&io);
    let address = listener.local_addr().unwrap();
    let clients = Arc::new(Mutex::new(Vec::new()));
    let seen = clients.clone();
    runtime.spawn(async move {
        let service = io.service();
        loop {
            let (stream, remote) = listener.accept().await.unwrap();
            seen.lock().unwrap().push(remote.ip());
            tokio::spawn(serve_connection(stream, remote, service.clone()));
        }
    });
    Running { address, clients, _runtime: runtime }
}

/// The handlers that every scenario needs.
pub fn correct(io: &Server) {
    echo(io);
    changes(io);
    io.on("publish", |socket: Socket, Args((room, message)): Args<(String, Box<RawValue>)>| {
        socket.namespace().to(room).emit("msg", &message);
    });
}

/// `join` and `leave`.
pub fn changes(io: &Server) {
    join(io);
    io.on("leave", |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.leave(&room);
        ack.send(&());
    });
}

/// `echo` alone.
pub fn echo(io: &Server) {
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
}

/// `join` alone.
pub fn join(io: &Server) {
    io.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.join(room).unwrap();
        ack.send(&());
    });
}

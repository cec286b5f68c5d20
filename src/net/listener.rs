//! The listening socket: inherited, or bound here.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::config::Config;

/// Connections that may wait to be accepted; the system may have a lower limit (`net.core.somaxconn`).
const BACKLOG: u32 = 4_096;

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is in use or not this machine's.
    #[error("cannot listen on {address}: {error}; choose another PORT or HOST")]
    Address {
        /// Where the service was to listen.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The sockets that came with `LISTEN_FDS` are not what is wanted.
    #[error("the inherited sockets (LISTEN_FDS) cannot be used: {0}")]
    Inherited(String),
}

impl BindError {
    pub(super) fn new(address: SocketAddr, error: io::Error) -> Self {
        Self::Address { address, error }
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    /// Whether somebody else has the same socket, who may accept what waits in its queue.
    is_shared: bool,
}

impl Listener {
    /// Takes the socket that a supervisor hands over, as systemd does (`LISTEN_FDS`, `LISTEN_PID`); otherwise binds one
    /// as configured; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use or not this machine's, or what is inherited is not one TCP socket.
    pub fn open(config: &Config) -> Result<Self, BindError> {
        if let Some(listener) = inherited()? {
            return Ok(Self { listener, is_shared: true });
        }
        let address = SocketAddr::new(config.host, config.port);
        let listener = bind(address, config.reuse_port);
        listener
            .map(|listener| Self { listener, is_shared: false })
            .map_err(|error| BindError::new(address, error))
    }

    /// The address that clients can connect to.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener.accept().await
    }

    /// Stops listening; answers the connections that nobody else would accept, and that would be reset otherwise.
    pub(super) fn close(self) -> Vec<(TcpStream, SocketAddr)> {
        if self.is_shared {
            return Vec::new();
        }
        // The system is asked itself, as tokio may not know yet of those that came last.
        let Ok(listener) = self.listener.into_std() else { return Vec::new() };
        std::iter::from_fn(|| listener.accept().ok()).filter_map(into_tokio).collect()
    }
}

fn into_tokio((stream, remote): (std::net::TcpStream, SocketAddr)) -> Option<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true).ok()?;
    Some((TcpStream::from_std(stream).ok()?, remote))
}

fn inherited() -> Result<Option<TcpListener>, BindError> {
    let mut sockets = ListenFd::from_env();
    let wrong = |error: io::Error| BindError::Inherited(error.to_string());
    match sockets.len() {
        0 => Ok(None),
        1 => sockets.take_tcp_listener(0).and_then(|socket| socket.map(from_std).transpose()).map_err(wrong),
        number => Err(BindError::Inherited(format!("one is wanted, {number} came"))),
    }
}

fn from_std(listener: StdListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A connection of the process before that has not been forgotten by the system does not keep the port.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(reuse_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::Ipv4Addr,
    };

    use super::*;

    fn free() -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)
    }

    #[tokio::test]
    async fn a_port_is_shared_only_where_both_want_it() {
        let first = bind(free(), true).unwrap();
        let address = first.local_addr().unwrap();
        assert!(bind(address, false).is_err());
        bind(address, true).unwrap();
    }

    #[tokio::test]
    async fn what_waits_in_the_queue_is_accepted_before_the_socket_is_closed() {
        let listener = Listener { listener: bind(free(), false).unwrap(), is_shared: false };
        let address = listener.address().unwrap();
        let mut waiting: Vec<_> = (0..10).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let accepted = listener.close();
        assert_eq!(accepted.len(), waiting.len());
        for (client, (stream, _)) in waiting.iter_mut().zip(accepted) {
            let mut stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            stream.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[tokio::test]
    async fn what_waits_in_a_shared_queue_is_left_to_the_others() {
        let shared = StdListener::bind(free()).unwrap();
        let listener = Listener { listener: from_std(shared.try_clone().unwrap()).unwrap(), is_shared: true };
        let client = std::net::TcpStream::connect(shared.local_addr().unwrap()).unwrap();
        assert!(listener.close().is_empty());
        shared.set_nonblocking(false).unwrap();
        assert_eq!(shared.accept().unwrap().1, client.local_addr().unwrap());
    }
}

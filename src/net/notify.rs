//! Telling systemd how far the service is, where it has asked for that (`Type=notify`).

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

/// How long a supervisor that does not read may hold up the start and the stop.
const PATIENCE: Duration = Duration::from_secs(1);

/// Says that requests are served from now on.
pub fn ready() {
    tell("READY=1");
}

/// Says that the service is about to end.
pub(super) fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "the supervisor at NOTIFY_SOCKET cannot be told {state}");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<usize> {
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(PATIENCE))?;
    sender.send_to_addr(state.as_bytes(), &address(socket)?)
}

/// A path, or a name in the abstract namespace of Linux, which begins with `@`.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => SocketAddr::from_pathname(socket),
    }
}

//! What a supervisor hears from the program if it has asked for that (`NOTIFY_SOCKET`).

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]
#![allow(clippy::disallowed_methods, reason = "a program of its own is waited for in real time")]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Longer than the program takes for anything here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A name that no other test of this machine uses.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("roomcast-supervisor-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The program, under a supervisor.
struct Service {
    process: Child,
    data: PathBuf,
    port: u16,
}

impl Service {
    fn start(notify_socket: &str) -> Self {
        let data = std::env::temp_dir().join(unique());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_roomcast"))
            .env_clear()
            .env("NOTIFY_SOCKET", notify_socket)
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .env("DATA_DIR", &data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, data, port }
    }

    fn is_serving(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200 ")
    }

    fn terminate(&self) {
        let sent = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// What the program has logged, once it has ended in good order.
    fn ended(mut self) -> String {
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.process.wait().unwrap().success(), "{log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn hear(supervisor: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = supervisor.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// Starts and stops the program under a supervisor, of which it knows the name.
fn is_told_of_the_start_and_the_stop(supervisor: &UnixDatagram, name: &str) {
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let service = Service::start(name);
    assert_eq!(hear(supervisor), "READY=1");
    assert!(service.is_serving());
    service.terminate();
    assert_eq!(hear(supervisor), "STOPPING=1");
    let log = service.ended();
    assert!(!log.contains("NOTIFY_SOCKET"), "{log}");
    supervisor.set_nonblocking(true).unwrap();
    assert_eq!(supervisor.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "nothing else is said");
}

#[test]
fn a_supervisor_at_a_path_hears_of_the_start_and_of_the_stop() {
    let path = std::env::temp_dir().join(unique());
    let supervisor = UnixDatagram::bind(&path).unwrap();
    is_told_of_the_start_and_the_stop(&supervisor, path.to_str().unwrap());
    fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_supervisor_with_an_abstract_name_hears_of_the_start_and_of_the_stop() {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

    let name = unique();
    let supervisor = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    is_told_of_the_start_and_the_stop(&supervisor, &format!("@{name}"));
}

/// Starts and stops the program under a supervisor that cannot be told.
fn serves_and_stops_all_the_same(name: &str) {
    let service = Service::start(name);
    until("the service serves", || service.is_serving());
    service.terminate();
    let log = service.ended();
    for state in ["READY=1", "STOPPING=1"] {
        let line = format!("the supervisor at NOTIFY_SOCKET cannot be told {state}");
        assert_eq!(log.matches(&line).count(), 1, "{name}: {log}");
    }
}

#[test]
fn a_supervisor_that_is_not_there_stops_nothing() {
    let too_long = format!("/{}", "x".repeat(200));
    for name in ["/nowhere/at/all", "not a path", "@", &format!("@{}", unique()), &too_long] {
        serves_and_stops_all_the_same(name);
    }
}

#[test]
fn a_supervisor_that_does_not_read_stops_nothing() {
    let path = std::env::temp_dir().join(unique());
    let _supervisor = UnixDatagram::bind(&path).unwrap();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    while other.send_to(b"X=1", &path).is_ok() {}
    serves_and_stops_all_the_same(path.to_str().unwrap());
    fs::remove_file(path).unwrap();
}

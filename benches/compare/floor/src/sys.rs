//! The system calls. This program is a measuring instrument, what the kernel alone costs: so it calls the kernel
//! without a library between, and this is the one place with `unsafe`.

use std::io::{Error, ErrorKind};

/// What the kernel may tell at once.
const EVENTS: usize = 1024;

pub struct Epoll {
    fd: i32,
    events: Vec<libc::epoll_event>,
}

fn checked(result: i32) -> i32 {
    assert!(result >= 0, "{}", Error::last_os_error());
    result
}

fn option(fd: i32, level: i32, name: i32) {
    let on: i32 = 1;
    // SAFETY: the value outlives the call, and its size is given.
    checked(unsafe { libc::setsockopt(fd, level, name, (&raw const on).cast(), size_of::<i32>() as u32) });
}

/// Listens on 127.0.0.1. Connections inherit TCP_NODELAY.
pub fn listen(port: u16) -> i32 {
    let flags = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let fd = checked(unsafe { libc::socket(libc::AF_INET, flags, 0) });
    option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR);
    option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY);
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    // SAFETY: the address outlives the call, and its size is given.
    checked(unsafe { libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as u32) });
    // SAFETY: no pointers.
    checked(unsafe { libc::listen(fd, 4096) });
    fd
}

/// The next waiting connection.
pub fn accept(listener: i32) -> Option<i32> {
    let none = std::ptr::null_mut();
    // SAFETY: the address is not asked for.
    let fd = unsafe { libc::accept4(listener, none, none.cast(), libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) };
    (fd >= 0).then_some(fd)
}

/// Reads what is there: `None` if nothing is, 0 if the connection has ended, however it did.
pub fn receive(fd: i32, into: &mut [u8]) -> Option<usize> {
    // SAFETY: the buffer is as long as the kernel is told.
    let got = unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), 0) };
    match usize::try_from(got) {
        Ok(got) => Some(got),
        Err(_) if Error::last_os_error().kind() == ErrorKind::WouldBlock => None,
        Err(_) => Some(0),
    }
}

/// Sends as much as the kernel takes. A broken connection takes nothing; the next event tells of it.
pub fn send(fd: i32, bytes: &[u8]) -> usize {
    // SAFETY: the buffer is as long as the kernel is told.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    usize::try_from(sent).unwrap_or(0)
}

pub fn close(fd: i32) {
    // SAFETY: no pointers; the caller owns the descriptor.
    unsafe { libc::close(fd) };
}

impl Epoll {
    pub fn new() -> Self {
        // SAFETY: no pointers.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) });
        Self { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS] }
    }

    /// Watches a descriptor for input and, edge by edge, for room to write.
    pub fn add(&self, fd: i32, edge: bool) {
        let events = if edge { libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET } else { libc::EPOLLIN };
        let mut event = libc::epoll_event { events: events as u32, u64: fd as u64 };
        // SAFETY: the event outlives the call.
        checked(unsafe { libc::epoll_ctl(self.fd, libc::EPOLL_CTL_ADD, fd, &raw mut event) });
    }

    /// Waits; tells the descriptors, and whether there is input.
    pub fn wait(&mut self, into: &mut Vec<(i32, bool)>) {
        into.clear();
        // SAFETY: the list is as long as the kernel is told.
        let count = unsafe { libc::epoll_wait(self.fd, self.events.as_mut_ptr(), EVENTS as i32, -1) };
        let told = &self.events[..usize::try_from(count).unwrap_or(0)];
        let input = (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        into.extend(told.iter().map(|event| (event.u64 as i32, event.events & input != 0)));
    }
}

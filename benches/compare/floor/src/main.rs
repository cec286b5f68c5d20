//! The floor: a server that does to the kernel what every server of the contract must, and nothing else.
//!
//! It knows the bytes of the load generator and no others, checks nothing, and never pings: what it costs is what
//! TCP sockets cost. One thread, one epoll. Answers to one read go together; published messages are sent one by
//! one or, with `--batched`, once for each connection and turn of the loop.

mod sys;
mod wire;

use std::collections::HashMap;

use wire::Asked;

/// The buffer that all connections are read into, in bytes.
const BUFFER: usize = 256 << 10;

/// A connection; what has gone through leaves nothing behind.
#[derive(Default)]
struct Connection {
    websocket: bool,
    session: Option<u64>,
    /// An incomplete request or frame.
    rest: Vec<u8>,
    /// What the socket has not taken, or waits for the end of the turn.
    out: Vec<u8>,
    /// Whether the socket has refused some of it.
    blocked: bool,
}

/// A session that began over polling.
#[derive(Default)]
struct Session {
    poll: Option<i32>,
    /// Packets for the next poll.
    waiting: Vec<u8>,
}

struct Server {
    epoll: sys::Epoll,
    batched: bool,
    /// By descriptor; boxed, so that an unused number costs a pointer.
    connections: Vec<Option<Box<Connection>>>,
    sessions: HashMap<u64, Session>,
    next_session: u64,
    rooms: HashMap<Vec<u8>, Vec<i32>>,
    /// Connections to flush at the end of the turn.
    dirty: Vec<i32>,
}

impl Server {
    fn accept(&mut self, listener: i32) {
        while let Some(fd) = sys::accept(listener) {
            self.epoll.add(fd, true);
            let at = fd as usize;
            if self.connections.len() <= at {
                self.connections.resize_with(at + 1, || None);
            }
            self.connections[at] = Some(Box::default());
        }
    }

    fn connection(&mut self, fd: i32) -> Option<&mut Connection> {
        self.connections.get_mut(fd as usize)?.as_deref_mut()
    }

    /// Adds to what a connection gets at the end of the turn, or when its socket has room again.
    fn write(&mut self, fd: i32, fill: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.connection(fd) else { return };
        let was_empty = connection.out.is_empty();
        fill(&mut connection.out);
        if was_empty {
            self.dirty.push(fd);
        }
    }

    fn flush(&mut self, fd: i32) {
        let Some(connection) = self.connection(fd) else { return };
        if connection.out.is_empty() {
            return;
        }
        let sent = sys::send(fd, &connection.out);
        connection.out.drain(..sent);
        connection.blocked = !connection.out.is_empty();
        if !connection.blocked {
            connection.out = Vec::new();
        }
    }

    fn close(&mut self, fd: i32) {
        let Some(connection) = self.connections[fd as usize].take() else { return };
        sys::close(fd);
        if let Some(session) = connection.session {
            self.sessions.remove(&session);
        }
        for members in self.rooms.values_mut() {
            members.retain(|member| *member != fd);
        }
    }

    /// Reads until the socket has no more; answers together what came together.
    fn read(&mut self, fd: i32, buffer: &mut [u8]) {
        loop {
            let Some(connection) = self.connection(fd) else { return };
            let mut rest = std::mem::take(&mut connection.rest);
            let Some(got) = sys::receive(fd, buffer) else {
                connection.rest = rest;
                return;
            };
            if got == 0 {
                return self.close(fd);
            }
            let left = if rest.is_empty() {
                let used = self.take(fd, &mut buffer[..got]);
                buffer[used..got].to_vec()
            } else {
                rest.extend_from_slice(&buffer[..got]);
                let used = self.take(fd, &mut rest);
                rest.split_off(used)
            };
            if let Some(connection) = self.connection(fd) {
                connection.rest = left;
            }
            if got < buffer.len() {
                return;
            }
        }
    }

    /// Takes in what is complete and tells its length.
    fn take(&mut self, fd: i32, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        while let Some(connection) = self.connection(fd) {
            let length = if connection.websocket {
                self.take_frame(fd, &mut bytes[used..])
            } else {
                self.take_request(fd, &bytes[used..])
            };
            match length {
                Some(length) => used += length,
                None => break,
            }
        }
        used
    }

    fn take_frame(&mut self, fd: i32, bytes: &mut [u8]) -> Option<usize> {
        let frame = wire::frame(bytes)?;
        match (frame.opcode, frame.payload) {
            (1, b"2probe") => {
                self.write(fd, |out| wire::push_frame(out, wire::TEXT, &[b"3probe"]));
                let session = self.connection(fd)?.session?;
                self.answer_poll(session, Some(b"6"));
            }
            (1, packet) => self.take_packet(fd, None, packet),
            // An attachment follows the packet that was answered already.
            (2, attachment) => self.write(fd, |out| wire::push_frame(out, wire::BINARY, &[attachment])),
            _ => {}
        }
        Some(frame.length)
    }

    fn take_request(&mut self, fd: i32, bytes: &[u8]) -> Option<usize> {
        let request = wire::request(bytes)?;
        let session = request.sid.unwrap_or_else(|| {
            self.next_session += 1;
            self.next_session
        });
        if request.websocket {
            self.upgrade(fd, session, request.sid.is_none());
        } else if request.sid.is_none() {
            self.connection(fd)?.session = Some(session);
            self.sessions.insert(session, Session::default());
            let open = wire::open(session, false);
            self.write(fd, |out| wire::push_response(out, open.as_bytes()));
        } else if request.post {
            self.write(fd, |out| wire::push_response(out, b"ok"));
            for packet in request.body.split(|byte| *byte == 0x1e) {
                self.take_packet(fd, Some(session), packet);
            }
            self.answer_poll(session, None);
        } else {
            self.sessions.get_mut(&session)?.poll = Some(fd);
            self.answer_poll(session, None);
        }
        Some(request.length)
    }

    fn upgrade(&mut self, fd: i32, session: u64, fresh: bool) {
        let Some(connection) = self.connection(fd) else { return };
        connection.websocket = true;
        connection.session = (!fresh).then_some(session);
        self.write(fd, wire::push_switching);
        if fresh {
            let open = wire::open(session, true);
            self.write(fd, |out| wire::push_frame(out, wire::TEXT, &[open.as_bytes()]));
        }
    }

    /// Answers the open poll with what waits or, if nothing does, with this packet if there is one.
    fn answer_poll(&mut self, session: u64, or: Option<&[u8]>) {
        let Some(found) = self.sessions.get_mut(&session) else { return };
        let Some(fd) = found.poll else { return };
        let waiting = std::mem::take(&mut found.waiting);
        let body = if waiting.is_empty() { or } else { Some(&waiting[..]) };
        if let Some(body) = body {
            found.poll = None;
            self.write(fd, |out| wire::push_response(out, body));
        }
    }

    /// Sends a packet to who asked, by frame or by poll.
    fn answer(&mut self, fd: i32, session: Option<u64>, parts: &[&[u8]]) {
        let Some(session) = session else {
            return self.write(fd, |out| wire::push_frame(out, wire::TEXT, parts));
        };
        if let Some(session) = self.sessions.get_mut(&session) {
            if !session.waiting.is_empty() {
                session.waiting.push(0x1e);
            }
            parts.iter().for_each(|part| session.waiting.extend_from_slice(part));
        }
    }

    fn take_packet(&mut self, fd: i32, session: Option<u64>, packet: &[u8]) {
        match wire::asked(packet) {
            Asked::Connect => self.answer(fd, session, &[br#"40{"sid":"aaaaaaaaaaaaaaaaaaaa"}"#]),
            Asked::Echo { kind, id, argument } => self.answer(fd, session, &[kind, id, b"[", argument]),
            Asked::Join { id, room } => {
                self.rooms.entry(room.to_vec()).or_default().push(fd);
                self.answer(fd, session, &[b"43", id, b"[]"]);
            }
            Asked::Publish { room, argument } => self.publish(room, argument),
            Asked::Nothing => {}
        }
    }

    fn publish(&mut self, room: &[u8], argument: &[u8]) {
        let Some(members) = self.rooms.remove(room) else { return };
        let mut message = Vec::with_capacity(argument.len() + 32);
        wire::push_frame(&mut message, wire::TEXT, &[b"42[\"msg\",", argument]);
        for &fd in &members {
            let at_once = !self.batched;
            let sent = match self.connection(fd) {
                Some(connection) if at_once && connection.out.is_empty() => sys::send(fd, &message),
                _ => 0,
            };
            if sent < message.len() {
                self.write(fd, |out| out.extend_from_slice(&message[sent..]));
            }
        }
        self.rooms.insert(room.to_vec(), members);
    }

    fn run(&mut self, listener: i32) -> ! {
        let mut buffer = vec![0; BUFFER];
        let mut events = Vec::new();
        self.epoll.add(listener, false);
        loop {
            self.epoll.wait(&mut events);
            for &(fd, input) in &events {
                if fd == listener {
                    self.accept(listener);
                    continue;
                }
                // An edge tells of room once, so that it must not be missed beside input.
                if self.connection(fd).is_some_and(|connection| connection.blocked) {
                    self.flush(fd);
                }
                if input {
                    self.read(fd, &mut buffer);
                }
                if !self.batched {
                    self.flush_dirty();
                }
            }
            self.flush_dirty();
        }
    }

    fn flush_dirty(&mut self) {
        while let Some(fd) = self.dirty.pop() {
            self.flush(fd);
        }
    }
}

fn main() {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let batched = std::env::args().any(|argument| argument == "--batched");
    let listener = sys::listen(port);
    println!("listening");
    let mut server = Server {
        epoll: sys::Epoll::new(),
        batched,
        connections: Vec::new(),
        sessions: HashMap::new(),
        next_session: 0,
        rooms: HashMap::new(),
        dirty: Vec::new(),
    };
    server.run(listener)
}

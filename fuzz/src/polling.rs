//! The whole server over pipes in memory beside a model: a client that keeps to the protocol over long-polling, its
//! requests torn anywhere, its polls given up, its session upgraded in between, gets every answer in order.

mod http;

use std::{collections::VecDeque, time::Duration};

use engineio::Server;
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    time::{sleep, timeout},
};

use self::http::Wire;
use crate::{
    conversation::{push_message, push_ping, read_message, skip_head},
    model::{KINDS, Message, Model, server},
    naive,
    pipes::{PATIENCE, UPGRADE, connect},
    script::Script,
};

/// The bytes of events that are put together, which with the largest one more are below the server's limit.
const MAX_TOGETHER: usize = 7_000;
/// Answers that may wait for the client, which are fewer than the server lets wait.
const MAX_DUE: usize = 500;
/// The server's answer to a request of a session that has ended.
const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

/// A client and its present session.
struct Client<'a> {
    io: &'a Server,
    wire: Wire<'a>,
    sid: String,
    model: Model,
    /// What is to be sent together.
    pending: Vec<Message>,
    /// The answers to what was sent, and to what is pending, that have not come.
    due: VecDeque<Message>,
    /// Once the session has been upgraded.
    websocket: Option<DuplexStream>,
}

/// Every event is answered with what it brought, and rooms carry what is sent to them exactly to those inside.
pub fn polling(data: &[u8]) {
    let mut script = Script::new(data);
    let tear = usize::from(script.below(255)) + 1;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let io = server();
        let talk = async {
            let mut client = Client::open(&io, tear).await;
            while let Some(choice) = script.byte() {
                client.step(choice, &mut script).await;
            }
            client.hear_all().await;
        };
        timeout(PATIENCE * 1_000, talk).await.expect("every answer comes");
        io.close();
        let ended = async {
            while !io.peers().is_empty() {
                sleep(PATIENCE).await;
            }
        };
        timeout(PATIENCE * 1_000, ended).await.expect("no session outlives its server");
    });
}

impl<'a> Client<'a> {
    /// Opens a session and joins `/`.
    async fn open(io: &'a Server, tear: usize) -> Self {
        let mut wire = Wire::new(io, tear);
        let open = wire.get("").await;
        let sid = open.split('"').nth(3).expect("the open packet has an id").to_owned();
        let mut client = Self {
            io,
            wire,
            sid,
            model: Model::default(),
            pending: vec![Message::Text("40".to_owned())],
            due: VecDeque::new(),
            websocket: None,
        };
        client.send(false).await;
        let joined = client.receive().await;
        assert!(matches!(&joined[..], [Message::Text(text)] if text.starts_with("40{")), "{joined:?}");
        client
    }

    async fn step(&mut self, choice: u8, script: &mut Script<'_>) {
        let (kind, is_chunked) = (choice % (KINDS + 7), choice >= 0x80);
        match kind {
            0..KINDS => self.take_on(kind, script).await,
            5 => self.send(is_chunked).await,
            6 => self.send_and_receive(is_chunked).await,
            7 => self.hear_all().await,
            8 => self.wait_for_ping().await,
            9 => self.give_up_half_a_request().await,
            10 => self.begin_anew().await,
            _ => self.upgrade(is_chunked).await,
        }
    }

    /// Puts the next event to those that are sent together.
    async fn take_on(&mut self, kind: u8, script: &mut Script<'_>) {
        if self.body().len() > MAX_TOGETHER || self.due.len() > MAX_DUE {
            self.hear_all().await;
        }
        let exchange = self.model.exchange(kind, script);
        self.pending.extend(exchange.said);
        self.due.extend(exchange.heard);
    }

    /// The payload of a POST.
    fn body(&self) -> String {
        let packet = |message: &Message| match message {
            Message::Text(text) => text.clone(),
            Message::Binary(bytes) => format!("b{}", naive::to_base64(bytes)),
        };
        self.pending.iter().map(packet).collect::<Vec<_>>().join("\x1e")
    }

    async fn send(&mut self, is_chunked: bool) {
        if self.pending.is_empty() {
            return;
        }
        let body = self.body();
        let pending = std::mem::take(&mut self.pending);
        match &mut self.websocket {
            Some(websocket) => {
                let mut frames = Vec::new();
                push_ping(&mut frames);
                pending.iter().for_each(|message| push_message(message, 0, &mut frames));
                self.wire.write(websocket, &frames).await;
            }
            None => self.wire.post(&self.sid, &body, is_chunked).await,
        }
    }

    /// Sends while a poll is on its way.
    async fn send_and_receive(&mut self, is_chunked: bool) {
        if self.websocket.is_some() || self.pending.is_empty() || self.due.is_empty() {
            return self.send(is_chunked).await;
        }
        let body = self.body();
        self.pending.clear();
        let heard = self.wire.post_and_get(&self.sid, &body, is_chunked).await;
        self.hear(&messages(&heard)).await;
    }

    /// Reads until nothing is due any more.
    async fn hear_all(&mut self) {
        self.send(false).await;
        while !self.due.is_empty() {
            let heard = self.receive().await;
            self.hear(&heard).await;
        }
    }

    /// What comes next: what one poll brings, or one message of the WebSocket.
    async fn receive(&mut self) -> Vec<Message> {
        match &mut self.websocket {
            Some(websocket) => vec![read_message(websocket).await],
            None => messages(&self.wire.get(&self.sid).await),
        }
    }

    /// Compares what came with what is due.
    async fn hear(&mut self, heard: &[Message]) {
        for message in heard {
            if *message == Message::Text("2".to_owned()) {
                let pending = std::mem::replace(&mut self.pending, vec![Message::Text("3".to_owned())]);
                self.send(false).await;
                self.pending = pending;
                continue;
            }
            assert_eq!(Some(message), self.due.pop_front().as_ref());
        }
    }

    /// Reads with nothing due, until the server pings.
    async fn wait_for_ping(&mut self) {
        self.hear_all().await;
        // The server closes a connection that is silent for long.
        self.wire.forget_connections();
        let heard = self.receive().await;
        assert_eq!(heard, [Message::Text("2".to_owned())]);
        self.wire.forget_connections();
        self.hear(&heard).await;
    }

    /// A request that does not come to its end costs the session nothing.
    async fn give_up_half_a_request(&mut self) {
        self.wire.begin_a_request(&self.sid).await;
    }

    /// A poll that is given up ends its session, as does a WebSocket that is closed; the client begins another.
    async fn begin_anew(&mut self) {
        self.hear_all().await;
        match self.websocket.take() {
            Some(websocket) => drop(websocket),
            None => self.wire.give_up_a_poll(&self.sid).await,
        }
        let service = self.io.service();
        let ended = timeout(Duration::from_secs(5), async {
            while !service.is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
        });
        ended.await.expect("the session ends");
        assert_eq!(self.wire.get(&self.sid).await, UNKNOWN);
        let tear = self.wire.tear();
        *self = Self::open(self.io, tear).await;
    }

    /// Goes over to a WebSocket; what is pending is sent by a POST after the probe.
    async fn upgrade(&mut self, is_chunked: bool) {
        if self.websocket.is_some() {
            return;
        }
        let mut websocket = connect(self.io);
        let request = UPGRADE.replace("websocket HTTP", &format!("websocket&sid={} HTTP", self.sid));
        self.wire.write(&mut websocket, request.as_bytes()).await;
        skip_head(&mut websocket).await;
        self.say(&mut websocket, "2probe").await;
        assert_eq!(read_message(&mut websocket).await, Message::Text("3probe".to_owned()));
        self.send(is_chunked).await;
        // A poll that is on its way then is answered, with what is due or with a noop.
        let heard = self.wire.get(&self.sid).await;
        if heard != "6" {
            self.hear(&messages(&heard)).await;
        }
        self.say(&mut websocket, "5").await;
        self.websocket = Some(websocket);
    }

    async fn say(&self, websocket: &mut DuplexStream, packet: &str) {
        let mut frames = Vec::new();
        push_message(&Message::Text(packet.to_owned()), 0, &mut frames);
        websocket.write_all(&frames).await.expect("the server reads");
    }
}

/// The packets of a payload.
fn messages(payload: &str) -> Vec<Message> {
    let packets = naive::payload(payload).expect("a payload is one");
    let message = |(kind, data): naive::Plain| match kind {
        'b' => Message::Binary(data),
        kind => Message::Text(format!("{kind}{}", String::from_utf8(data).expect("text is UTF-8"))),
    };
    packets.into_iter().map(message).collect()
}

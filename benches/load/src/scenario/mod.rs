//! What is done with a server, a file for each scenario.
//!
//! A scenario keeps its own books: what it has sent, and so what has to come. It is told of every step on its
//! connections and answers with a fault as soon as something else comes than what has to.

mod ask;
mod broadcast;
mod call;
mod chat;
mod churn;
mod crowd;
mod echo;
mod fairness;
mod fanout;
mod get;
mod handshake;
mod idle;
mod polling;
mod rooms;
mod slow;
mod upgrade;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    fault::{Fault, FaultKind, excerpt},
    io::{Io, Message},
    net::Id,
    options::Common,
    report::Report,
    run::Progress,
    wire::http::Response,
};

/// A scenario with its options.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Connect over WebSocket up to the answer to CONNECT, and close. An operation is one such session.
    Handshake(Job<handshake::Options>),
    /// Open a session over long-polling, connect, move it to WebSocket, and close. An operation is one session.
    Upgrade(Job<upgrade::Options>),
    /// Send events that are acknowledged with what they carry. An operation is one acknowledged event.
    Echo(Job<echo::Options>),
    /// Send an event of your own that is acknowledged. An operation is one acknowledged event.
    Call(Job<call::Options>),
    /// Publish to one room. An operation is one message received by one member.
    Broadcast(Job<broadcast::Options>),
    /// Publish to many rooms at once. An operation is one message received by one member.
    Rooms(Job<rooms::Options>),
    /// Leave rooms and join them again. An operation is one acknowledged change.
    Churn(Job<churn::Options>),
    /// Publish to one room of which some members do not read. An operation is one message received by one that does.
    Slow(Job<slow::Options>),
    /// Echo while others broadcast to a large room. An operation is one acknowledged event.
    Fairness(Job<fairness::Options>),
    /// Send events that are acknowledged, over long-polling alone. An operation is one acknowledged event.
    Polling(Job<polling::Options>),
    /// Log people in to roomcast and let them chat in rooms. An operation is one message that was acknowledged.
    Chat(Job<chat::Options>),
    /// Ask for one path by plain HTTP. An operation is one answer.
    Get(Job<get::Options>),
    /// Hold connections open and do nothing but answer pings: what memory they cost.
    Idle(Job<idle::Options>),
}

/// The options of a scenario and those that all have.
#[derive(Clone, Debug, Args)]
pub struct Job<T: Args> {
    #[command(flatten)]
    #[doc(hidden)]
    pub common: Common,
    #[command(flatten)]
    #[doc(hidden)]
    pub own: T,
}

impl Command {
    /// The options that all scenarios have.
    #[must_use]
    pub fn common(&self) -> &Common {
        match self {
            Command::Handshake(job) => &job.common,
            Command::Upgrade(job) => &job.common,
            Command::Echo(job) => &job.common,
            Command::Call(job) => &job.common,
            Command::Broadcast(job) => &job.common,
            Command::Rooms(job) => &job.common,
            Command::Churn(job) => &job.common,
            Command::Slow(job) => &job.common,
            Command::Fairness(job) => &job.common,
            Command::Polling(job) => &job.common,
            Command::Chat(job) => &job.common,
            Command::Get(job) => &job.common,
            Command::Idle(job) => &job.common,
        }
    }

    pub(crate) fn run(&self, tell: &mut dyn FnMut(Progress)) -> Report {
        match self {
            Command::Handshake(Job { common, own }) => handshake::run(common, own, tell),
            Command::Upgrade(Job { common, own }) => upgrade::run(common, own, tell),
            Command::Echo(Job { common, own }) => echo::run(common, own, tell),
            Command::Call(Job { common, own }) => call::run(common, own, tell),
            Command::Broadcast(Job { common, own }) => broadcast::run(common, own, tell),
            Command::Rooms(Job { common, own }) => rooms::run(common, own, tell),
            Command::Churn(Job { common, own }) => churn::run(common, own, tell),
            Command::Slow(Job { common, own }) => slow::run(common, own, tell),
            Command::Fairness(Job { common, own }) => fairness::run(common, own, tell),
            Command::Polling(Job { common, own }) => polling::run(common, own, tell),
            Command::Chat(Job { common, own }) => chat::run(common, own, tell),
            Command::Get(Job { common, own }) => get::run(common, own, tell),
            Command::Idle(Job { common, own }) => idle::run(common, own, tell),
        }
    }
}

/// What a run drives.
pub(crate) trait Scenario {
    /// Begins the setup; [`Io::prepared`] is set when it is complete.
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault>;

    /// Begins the first operations of a closed loop; those that end are followed by others.
    fn begin(&mut self, io: &mut Io) -> Result<(), Fault>;

    /// Begins one operation of an open loop; false if too many are under way, and it is asked again.
    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault>;

    /// A WebSocket is in its namespace, or its probe has been answered.
    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault>;

    /// A Socket.IO packet or an attachment has come.
    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault>;

    /// An HTTP response has come.
    fn response(&mut self, _: &mut Io, _: Id, response: &Response<'_>) -> Result<(), Fault> {
        Err(Fault::protocol(format!("no response was expected: {}", excerpt(&response.body))))
    }

    /// The server has closed a connection.
    fn ended(&mut self, _: &mut Io, _: Id) -> Result<(), Fault> {
        let text = format!("the server closed a connection; awaited: {}", self.awaited());
        Err(Fault::new(FaultKind::Connection, text))
    }

    /// No new operation will begin.
    fn finish(&mut self, _: &mut Io) -> Result<(), Fault> {
        Ok(())
    }

    /// What the report should tell besides.
    fn notes(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// How many operations are under way.
    fn outstanding(&self) -> u64;

    /// What is awaited, in words.
    fn awaited(&self) -> String;
}

/// Checks a number that must not be zero.
fn at_least_one(name: &str, count: u32) -> Result<(), Fault> {
    if count == 0 { Err(Fault::setting(format!("--{name} must be at least 1"))) } else { Ok(()) }
}

//! Storing messages: all that wait are stored by one command, so that the database syncs its journal once for them.

use std::collections::{HashMap, HashSet};

use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
    error::{Error, ErrorKind},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    database::next_object_id,
    documents,
    error::{DUPLICATE_KEY, bounded, unavailable},
};
use crate::{
    chat::{Message, NewMessage, RoomCode},
    store::StoreError,
};

/// Messages that may wait to be stored; further callers wait for a place.
const QUEUE: usize = 4096;

/// Messages of one command at most.
const BATCH: usize = 512;

/// What became of a message.
pub(super) enum Outcome {
    /// It is stored.
    Stored(Message),
    /// Its sender is not in the room. The message comes back.
    NotHere(NewMessage),
    /// The sender has used its client id before. The message comes back.
    Repeated(NewMessage),
}

/// The queue of messages, as callers hold it.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

struct Job {
    new: NewMessage,
    reply: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl Writer {
    /// Starts the task that stores; it ends with the last writer. Must be called inside a tokio runtime.
    pub(super) fn start(messages: Collection<Document>, current_rooms: Collection<Document>) -> Self {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        let batches = Batches { messages, current_rooms };
        #[expect(clippy::disallowed_methods, reason = "the task ends when no writer is left")]
        tokio::spawn(async move {
            let mut waiting = Vec::with_capacity(BATCH);
            while jobs.recv_many(&mut waiting, BATCH).await > 0 {
                batches.store(&mut waiting).await;
            }
        });
        Self { queue }
    }

    /// Stores a message if its sender is in the room, after those that were given before it.
    pub(super) async fn store(&self, new: NewMessage) -> Result<Outcome, StoreError> {
        let ended = || StoreError::Unavailable("the store is closed".to_owned());
        let (reply, outcome) = oneshot::channel();
        self.queue.send(Job { new, reply }).await.map_err(|_| ended())?;
        outcome.await.unwrap_or_else(|_| Err(ended()))
    }
}

struct Batches {
    messages: Collection<Document>,
    current_rooms: Collection<Document>,
}

impl Batches {
    /// Stores what waits and answers everyone.
    async fn store(&self, waiting: &mut Vec<Job>) {
        // After an outage, those whose callers have given up would delay the others, and appear out of nowhere.
        waiting.retain(|job| !job.reply.is_closed());
        if waiting.is_empty() {
            return;
        }
        let rooms = match self.rooms_of(waiting).await {
            Ok(rooms) => rooms,
            Err(error) => return refuse_all(waiting.drain(..), &error),
        };
        let mut jobs = Vec::with_capacity(waiting.len());
        for Job { new, reply } in waiting.drain(..) {
            if rooms.get(&new.user_oid.0) == Some(&new.room_code) {
                jobs.push(Job { new, reply });
            } else {
                answer(reply, Ok(Outcome::NotHere(new)));
            }
        }
        if jobs.is_empty() {
            return;
        }
        let now = DateTime::now();
        let documents: Vec<_> =
            jobs.iter().map(|job| documents::message_document(next_object_id(), &job.new, now)).collect();
        let refused = match self.insert(&documents).await {
            Ok(refused) => refused,
            Err(error) => return refuse_all(jobs.into_iter(), &error),
        };
        for (number, (Job { new, reply }, document)) in jobs.into_iter().zip(&documents).enumerate() {
            answer(
                reply,
                match refused.get(&number) {
                    None => documents::message(document).map(Outcome::Stored),
                    Some((DUPLICATE_KEY, _)) => Ok(Outcome::Repeated(new)),
                    Some((_, reason)) => Err(StoreError::Unavailable(reason.clone())),
                },
            );
        }
    }

    /// Stores the documents; answers those that were refused one by one, with code and reason.
    async fn insert(&self, documents: &[Document]) -> Result<HashMap<usize, (i32, String)>, StoreError> {
        // A command that is never answered must not hold up all that come after it.
        bounded(async {
            // A message that is refused must not keep those behind it from being stored.
            let inserted = self.messages.insert_many(documents).ordered(false).await;
            inserted.map(|_| HashMap::new()).or_else(refused).map_err(unavailable)
        })
        .await
    }

    /// The rooms in which the senders are.
    async fn rooms_of(&self, jobs: &[Job]) -> Result<HashMap<String, RoomCode>, StoreError> {
        bounded(async { self.find_rooms(jobs).await.map_err(unavailable) }).await
    }

    async fn find_rooms(&self, jobs: &[Job]) -> Result<HashMap<String, RoomCode>, Error> {
        let senders: HashSet<&str> = jobs.iter().map(|job| job.new.user_oid.0.as_str()).collect();
        let senders: Vec<&str> = senders.into_iter().collect();
        let mut found = self.current_rooms.find(doc! { "_id": { "$in": senders } }).await?;
        let mut rooms = HashMap::new();
        while found.advance().await? {
            let place = found.deserialize_current()?;
            rooms.insert(documents::text(&place, "_id"), RoomCode(documents::text(&place, "roomCode")));
        }
        Ok(rooms)
    }
}

/// The documents of a command that were refused one by one, with code and reason.
///
/// # Errors
/// Nothing is known of single documents, or no majority has them.
fn refused(error: Error) -> Result<HashMap<usize, (i32, String)>, Error> {
    let ErrorKind::InsertMany(failure) = &*error.kind else { return Err(error) };
    match (&failure.write_errors, &failure.write_concern_error) {
        (Some(refused), None) => {
            Ok(refused.iter().map(|one| (one.index, (one.code, one.message.clone()))).collect())
        }
        _ => Err(error),
    }
}

fn refuse_all(jobs: impl Iterator<Item = Job>, error: &StoreError) {
    for job in jobs {
        answer(job.reply, Err(error.clone()));
    }
}

fn answer(reply: oneshot::Sender<Result<Outcome, StoreError>>, outcome: Result<Outcome, StoreError>) {
    // A caller that no longer waits needs no answer.
    let _unheard = reply.send(outcome);
}

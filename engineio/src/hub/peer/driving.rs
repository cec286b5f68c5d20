//! What goes into the session machine, what is done about what comes out of it, and its deadlines.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::Peer;
use crate::{
    engine::{Action, CloseReason, Data, Input, Packet},
    hub::{
        encoded::Encoded,
        outbox::Admission,
        refusals::Refusal,
        runtime::Timed,
        turn::{self, Turn},
        wakers::Waiting,
    },
};

impl Peer {
    /// Gives an input to the session machine, does what concerns the session as a whole, and answers the
    /// action for the transport to do the rest.
    pub fn feed<'a>(self: &Arc<Self>, input: Input<'a>) -> Action<'a> {
        let _turn = Turn::begin(&self.runtime);
        if let Input::Packet(packet) = input {
            return self.receive(packet);
        }
        self.handle(input)
    }

    /// Takes in a packet. Nearly all are messages, with which an open session does nothing else than to deliver them.
    fn receive<'a>(self: &Arc<Self>, packet: Packet<'a>) -> Action<'a> {
        if self.is_open() {
            if let Packet::Message(text) = packet {
                return self.deliver(Data::Text(text));
            }
            if let Packet::Binary(bytes) = packet {
                return self.deliver(Data::Binary(bytes));
            }
        }
        self.handle(Input::Packet(packet))
    }

    fn handle<'a>(self: &Arc<Self>, input: Input<'a>) -> Action<'a> {
        let is_due = matches!(input, Input::Tick);
        let moves_deadline = matches!(input, Input::UpgradeOpened(_) | Input::UpgradeLost);
        let (was_owed, is_owed, action) = {
            let mut session = self.session.lock();
            let was_owed = session.awaits_last_poll();
            let action = session.handle(input, &self.config, turn::now(&self.runtime));
            self.is_open.store(session.is_open(), Ordering::Release);
            (was_owed, session.awaits_last_poll(), action)
        };
        match action {
            Action::Deliver(data) => return self.deliver(data),
            Action::SendPing => self.send_ping(),
            // Bounded, as a client may ping as often as it likes.
            Action::SendPong => drop(self.send(Encoded::of(&Packet::Pong("")), false)),
            Action::AnswerProbe | Action::ReleasePoll => {
                self.released.store(true, Ordering::Release);
                self.wake();
            }
            Action::DropUpgrade => {
                if is_due {
                    self.count(Refusal::UpgradeTimeout);
                }
                self.wakers.wake(Waiting::Upgrade);
            }
            Action::AwaitLastPoll => {
                self.tell(CloseReason::ForcedClose);
                self.wakers.wake(Waiting::Upgrade);
            }
            Action::Close(reason) => {
                if is_due && was_owed {
                    self.add(Refusal::CloseTimeout, 1);
                }
                self.end(reason);
            }
            Action::None | Action::Refuse | Action::Switch | Action::Farewell => {}
        }
        if is_owed && !was_owed {
            self.wake();
        }
        if action != Action::None || moves_deadline {
            self.rearm();
        }
        action
    }

    fn deliver<'a>(self: &Arc<Self>, data: Data<'_>) -> Action<'a> {
        if let Some(receiver) = self.receiver.get() {
            receiver.message(self, data);
        }
        Action::None
    }

    fn send_ping(self: &Arc<Self>) {
        self.push(Encoded::ping(), Admission::Always);
    }

    /// Notes the deadline with the clock, unless an earlier visit is planned already.
    pub fn rearm(self: &Arc<Self>) {
        if let Some(deadline) = self.next_deadline() {
            self.visit_by(deadline);
        }
    }

    /// Notes a deadline with the clock, unless an earlier visit is planned already.
    pub(crate) fn visit_by(self: &Arc<Self>, deadline: Instant) {
        let mut armed = self.armed.lock();
        if armed.is_none_or(|at| at > deadline) {
            *armed = Some(deadline);
            drop(armed);
            let this: Arc<dyn Timed> = Arc::<Self>::clone(self);
            self.runtime.arm(deadline, Arc::downgrade(&this));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let session = self.session.lock().deadline()?;
        let receiver = self.receiver.get().and_then(|receiver| receiver.deadline());
        Some(receiver.map_or(session, |at| at.min(session)))
    }
}

impl Timed for Peer {
    fn fire(self: Arc<Self>, at: Instant) {
        {
            // A visit that was overtaken by an earlier one must not arm a second time.
            let mut armed = self.armed.lock();
            if *armed != Some(at) {
                return;
            }
            *armed = None;
        }
        let _turn = Turn::begin(&self.runtime);
        if self.is_behind() {
            self.feed(Input::ReadingHeld);
        }
        while self.feed(Input::Tick) != Action::None {}
        let now = self.runtime.now();
        if let Some(receiver) = self.receiver.get()
            && receiver.deadline().is_some_and(|at| at <= now)
        {
            receiver.tick(&self, now);
        }
        self.rearm();
    }
}

//! How long a socket may stay, such as as long as the token it came with.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use super::{Inner, Phase, Socket};
use crate::{
    config::after,
    hub::{inbox::Job, reason::DisconnectReason, runtime::Timed},
};

/// The longest wait for a visit of the clock, which keeps the memory of a socket that has left until its visit. It also
/// bounds how late a change of the system's time is noticed.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// When a socket has to leave.
#[derive(Debug)]
pub(super) struct Deadline {
    at: SystemTime,
    /// When the warning is due; `None` once it has been given.
    warn_at: Option<SystemTime>,
    /// The visit that is planned with the clock.
    armed: Option<Instant>,
}

/// What a visit finds to be due.
enum Due {
    Nothing,
    Warning(Duration),
    End,
}

impl Deadline {
    fn due(&mut self, now: SystemTime) -> Due {
        let Ok(left) = self.at.duration_since(now) else { return Due::End };
        if left.is_zero() {
            return Due::End;
        }
        match self.warn_at.take_if(|at| *at <= now) {
            Some(_) => Due::Warning(left),
            None => Due::Nothing,
        }
    }
}

impl Socket {
    /// Lets the socket stay until `at`, such as the end of the token it came with: then it is disconnected with
    /// [`DisconnectReason::Expired`], which the official client sees as "io server disconnect". The listeners of
    /// [`expiring`](Self::on_expiring) are called `warn_before` that; with a zero there is no warning.
    ///
    /// The deadline can be set again at any time, also by a connect middleware; each time is warned of anew. It costs
    /// no timer, and nothing at all for sockets that have none.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::time::{Duration, SystemTime, UNIX_EPOCH};
    /// # use engineio::{Data, Server, Socket, TimeLeft};
    /// # fn token_end(token: &str) -> SystemTime { UNIX_EPOCH }
    /// # let io = Server::new();
    /// io.of("/").on_expiring(|socket: Socket, left: TimeLeft| socket.emit("token ends", &left.0.as_secs()));
    /// io.on("token", |socket: Socket, Data(token): Data<String>| {
    ///     socket.set_deadline(token_end(&token), Duration::from_secs(60));
    /// });
    /// ```
    pub fn set_deadline(&self, at: SystemTime, warn_before: Duration) {
        let warn_at = (!warn_before.is_zero()).then(|| at.checked_sub(warn_before)).flatten();
        {
            let mut state = self.0.state.lock();
            if state.phase == Phase::Gone {
                return;
            }
            let armed = state.deadline.as_ref().and_then(|deadline| deadline.armed);
            state.deadline = Some(Box::new(Deadline { at, warn_at, armed }));
        }
        self.watch_deadline();
    }

    /// Lets the socket stay as long as it likes.
    pub fn clear_deadline(&self) {
        self.0.state.lock().deadline = None;
    }

    /// When the socket has to leave, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.0.state.lock().deadline.as_ref().map(|deadline| deadline.at)
    }

    /// Plans the next visit, unless an earlier one is planned.
    pub(super) fn watch_deadline(&self) {
        let runtime = self.0.peer.runtime();
        let mut state = self.0.state.lock();
        let Some(deadline) = &mut state.deadline else { return };
        let next = deadline.warn_at.unwrap_or(deadline.at);
        let wait = next.duration_since(runtime.wall_clock()).unwrap_or_default();
        let visit = after(runtime.now(), wait.min(MAX_WAIT));
        if deadline.armed.is_none_or(|armed| armed > visit) {
            deadline.armed = Some(visit);
            drop(state);
            let this: Arc<dyn Timed> = Arc::<Inner>::clone(&self.0);
            let this: Weak<dyn Timed> = Arc::downgrade(&this);
            runtime.arm(visit, this);
        }
    }

    /// The visit that was planned for `visit`.
    pub(super) fn visit_deadline(&self, visit: Instant) {
        let due = {
            let mut state = self.0.state.lock();
            let (phase, now) = (state.phase, self.0.peer.runtime().wall_clock());
            let deadline = state.deadline.as_mut().filter(|deadline| deadline.armed == Some(visit));
            let Some(deadline) = deadline else { return };
            deadline.armed = None;
            // Who has not been let in yet is looked at when that happens.
            if phase != Phase::Connected {
                return;
            }
            deadline.due(now)
        };
        match due {
            Due::End => return self.dismiss(DisconnectReason::Expired),
            Due::Warning(left) => self.submit(Job::Expiring(left)),
            Due::Nothing => {}
        }
        self.watch_deadline();
    }
}

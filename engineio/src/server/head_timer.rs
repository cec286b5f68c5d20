//! The time a request head may take.
//!
//! hyper asks for a timer before each head and drops it as soon as the head has come, nearly always at once. Telling the
//! runtime of each would cost more than reading the head. So a connection has one alarm, which is never moved forward:
//! only when it rings, it is set again if there is a later deadline by then.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

use super::clock::now;

/// The timer of one connection, whose deadlines never go back.
#[derive(Clone, Default)]
pub(super) struct HeadTimer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    alarm: Option<Alarm>,
    /// The deadline of the first head, if it began before hyper had the connection.
    first: Option<Instant>,
}

type Alarm = Pin<Box<tokio::time::Sleep>>;

impl HeadTimer {
    /// A timer for a connection whose first head must end before this.
    pub(super) fn until(first: Instant) -> Self {
        Self(Arc::new(Mutex::new(State { alarm: None, first: Some(first) })))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = self.0.lock().first.take().unwrap_or(deadline);
        Box::pin(Head { timer: self.clone(), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        now()
    }
}

/// Ready when the time of one head is over.
struct Head {
    timer: HeadTimer,
    deadline: tokio::time::Instant,
}

impl Future for Head {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.timer.0.lock();
        let alarm = state.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.deadline);
        }
    }
}

impl Sleep for Head {}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    /// Waits for a head for so many seconds; answers whether its time was over before.
    async fn is_over(head: &mut Pin<Box<dyn Sleep>>, seconds: u64) -> bool {
        tokio::time::timeout(Duration::from_secs(seconds), head.as_mut()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_head_has_the_whole_time() {
        let timer = HeadTimer::default();
        for _ in 0..5 {
            assert!(!is_over(&mut timer.sleep(TIME), 7).await);
        }
        let begin = tokio::time::Instant::now();
        timer.sleep(TIME).await;
        assert_eq!(begin.elapsed(), TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_may_have_begun_before() {
        let timer = HeadTimer::until(now() + TIME - Duration::from_secs(4));
        assert!(is_over(&mut timer.sleep(TIME), 7).await);
        assert!(!is_over(&mut timer.sleep(TIME), 7).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_after_the_alarm_has_rung_has_the_whole_time_too() {
        let timer = HeadTimer::default();
        assert!(!is_over(&mut timer.sleep(TIME), 1).await);
        tokio::time::sleep(3 * TIME).await;
        let mut head = timer.sleep(TIME);
        assert!(!is_over(&mut head, 9).await);
        assert!(is_over(&mut head, 2).await);
    }
}

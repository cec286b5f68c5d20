use std::time::Duration;

use proptest::prelude::*;

use super::*;

struct Rig {
    session: Session,
    config: Config,
    now: Instant,
}

impl Rig {
    fn new(transport: Transport) -> Self {
        Self::speaking(Revision::V4, transport)
    }

    fn speaking(revision: Revision, transport: Transport) -> Self {
        let config = Config::default();
        let now = Instant::now();
        Self { session: Session::with_revision(revision, transport, &config, now), config, now }
    }

    fn probed() -> Self {
        let mut rig = Self::new(Transport::Polling);
        assert_eq!(rig.feed(Input::UpgradeOpened(Transport::Websocket)), Action::None);
        assert_eq!(rig.feed(Input::ProbePacket(Packet::Ping("probe"))), Action::AnswerProbe);
        rig
    }

    fn feed<'a>(&mut self, input: Input<'a>) -> Action<'a> {
        self.session.handle(input, &self.config, self.now)
    }

    fn after(&mut self, time: Duration) -> Action<'static> {
        self.now += time;
        self.feed(Input::Tick)
    }
}

#[test]
fn a_ping_goes_out_after_the_interval_and_a_pong_starts_the_next() {
    let mut rig = Rig::new(Transport::Websocket);
    assert_eq!(rig.after(Duration::from_millis(24_999)), Action::None);
    assert_eq!(rig.after(Duration::from_millis(1)), Action::SendPing);
    assert_eq!(rig.after(Duration::from_secs(19)), Action::None);
    assert_eq!(rig.feed(Input::Packet(Packet::Pong(""))), Action::None);
    assert_eq!(rig.session.deadline(), Some(rig.now + rig.config.ping_interval));
    assert_eq!(rig.after(Duration::from_secs(25)), Action::SendPing);
}

#[test]
fn a_missing_pong_ends_the_session_not_before_interval_and_timeout() {
    let mut rig = Rig::new(Transport::Websocket);
    assert_eq!(rig.after(Duration::from_secs(25)), Action::SendPing);
    assert_eq!(rig.after(Duration::from_millis(19_999)), Action::None);
    assert_eq!(rig.after(Duration::from_millis(1)), Action::Close(CloseReason::PingTimeout));
    assert_eq!(rig.session.deadline(), None);
}

#[test]
fn only_a_pong_re_arms_the_heartbeat() {
    let mut rig = Rig::new(Transport::Websocket);
    assert_eq!(rig.after(Duration::from_secs(25)), Action::SendPing);
    assert_eq!(rig.feed(Input::Packet(Packet::Message("x"))), Action::Deliver(Data::Text("x")));
    assert_eq!(rig.after(Duration::from_secs(20)), Action::Close(CloseReason::PingTimeout));
}

#[test]
fn an_unasked_pong_does_not_delay_the_ping() {
    let mut rig = Rig::new(Transport::Websocket);
    rig.now += Duration::from_secs(24);
    assert_eq!(rig.feed(Input::Packet(Packet::Pong(""))), Action::None);
    assert_eq!(rig.after(Duration::from_secs(1)), Action::SendPing);
}

#[test]
fn a_ping_from_the_client_is_a_transport_error() {
    let mut rig = Rig::new(Transport::Websocket);
    assert_eq!(rig.feed(Input::Packet(Packet::Ping(""))), Action::Close(CloseReason::TransportError));
}

#[test]
fn in_protocol_three_a_ping_is_answered_and_re_arms_the_heartbeat() {
    let mut rig = Rig::speaking(Revision::V3, Transport::Websocket);
    assert_eq!(rig.after(Duration::from_millis(44_999)), Action::None);
    assert_eq!(rig.feed(Input::Packet(Packet::Ping(""))), Action::SendPong);
    assert_eq!(rig.session.deadline(), Some(rig.now + Duration::from_secs(45)));
    assert_eq!(rig.after(Duration::from_millis(44_999)), Action::None);
    assert_eq!(rig.after(Duration::from_millis(1)), Action::Close(CloseReason::PingTimeout));
}

#[test]
fn in_protocol_three_only_a_ping_re_arms_the_heartbeat() {
    let mut rig = Rig::speaking(Revision::V3, Transport::Websocket);
    rig.now += Duration::from_secs(44);
    assert_eq!(rig.feed(Input::Packet(Packet::Message("x"))), Action::Deliver(Data::Text("x")));
    assert_eq!(rig.after(Duration::from_secs(1)), Action::Close(CloseReason::PingTimeout));
}

#[test]
fn in_protocol_three_a_pong_from_the_client_is_a_transport_error() {
    let mut rig = Rig::speaking(Revision::V3, Transport::Websocket);
    assert_eq!(rig.feed(Input::Packet(Packet::Pong(""))), Action::Close(CloseReason::TransportError));
}

#[test]
fn in_protocol_three_the_heartbeat_goes_on_after_an_upgrade() {
    let mut rig = Rig::speaking(Revision::V3, Transport::Polling);
    rig.now += Duration::from_secs(40);
    rig.feed(Input::UpgradeOpened(Transport::Websocket));
    rig.feed(Input::ProbePacket(Packet::Ping("probe")));
    assert_eq!(rig.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
    assert_eq!(rig.after(Duration::from_secs(44)), Action::None);
    assert_eq!(rig.after(Duration::from_secs(1)), Action::Close(CloseReason::PingTimeout));
}

#[test]
fn a_second_poll_or_post_at_once_ends_the_session() {
    for input in [Input::PollOpened, Input::PostOpened] {
        let mut rig = Rig::new(Transport::Polling);
        assert_eq!(rig.feed(input.clone()), Action::None);
        assert_eq!(rig.feed(input), Action::Close(CloseReason::TransportError));
    }
}

#[test]
fn an_aborted_poll_ends_the_session_at_once() {
    let mut rig = Rig::new(Transport::Polling);
    assert_eq!(rig.feed(Input::PollOpened), Action::None);
    assert_eq!(rig.feed(Input::PollAborted), Action::Close(CloseReason::TransportError));
    assert_eq!(rig.feed(Input::PollOpened), Action::Refuse);
}

#[test]
fn an_upgrade_is_probed_then_switched() {
    let mut rig = Rig::probed();
    assert_eq!(rig.feed(Input::PollOpened), Action::ReleasePoll);
    assert_eq!(rig.feed(Input::PollAnswered), Action::None);
    assert_eq!(rig.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
    assert_eq!(rig.session.transport(), Transport::Websocket);
    assert_eq!(rig.feed(Input::PollOpened), Action::Refuse);
    assert_eq!(rig.feed(Input::PostOpened), Action::Refuse);
    assert_eq!(rig.feed(Input::UpgradeOpened(Transport::Websocket)), Action::Refuse);
    assert!(rig.session.is_open());
}

#[test]
fn a_session_is_on_the_transport_that_was_probed() {
    for to in [Transport::Websocket, Transport::Webtransport] {
        let mut rig = Rig::new(Transport::Polling);
        assert_eq!(rig.feed(Input::UpgradeOpened(Transport::Polling)), Action::Refuse);
        assert_eq!(rig.feed(Input::UpgradeOpened(to)), Action::None);
        for other in [Transport::Websocket, Transport::Webtransport] {
            assert_eq!(rig.feed(Input::UpgradeOpened(other)), Action::Refuse, "one at a time");
        }
        assert_eq!(rig.feed(Input::ProbePacket(Packet::Ping("probe"))), Action::AnswerProbe);
        assert_eq!(rig.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
        assert_eq!(rig.session.transport(), to);
        assert_eq!(rig.feed(Input::UpgradeOpened(Transport::Webtransport)), Action::Refuse);
        assert_eq!(rig.feed(Input::Close), Action::Close(CloseReason::ForcedClose));
    }
}

#[test]
fn anything_but_a_probe_closes_only_the_upgrading_websocket() {
    for packet in [Packet::Message("x"), Packet::Upgrade, Packet::Ping("x"), Packet::Close] {
        let mut rig = Rig::new(Transport::Polling);
        assert_eq!(rig.feed(Input::UpgradeOpened(Transport::Websocket)), Action::None);
        assert_eq!(rig.feed(Input::ProbePacket(packet)), Action::DropUpgrade);
        assert!(rig.session.is_open());
        assert_eq!(
            rig.feed(Input::UpgradeOpened(Transport::Websocket)),
            Action::None,
            "the client may try again"
        );
    }
}

#[test]
fn a_late_upgrade_is_dropped_and_polling_goes_on() {
    let mut rig = Rig::probed();
    assert_eq!(rig.after(Duration::from_secs(10)), Action::DropUpgrade);
    assert!(rig.session.is_open());
    assert_eq!(rig.feed(Input::PollOpened), Action::None);
}

#[test]
fn a_pong_owed_across_the_switch_gets_its_full_time() {
    let mut rig = Rig::new(Transport::Polling);
    assert_eq!(rig.after(Duration::from_secs(25)), Action::SendPing);
    rig.now += Duration::from_secs(19);
    rig.feed(Input::UpgradeOpened(Transport::Websocket));
    rig.feed(Input::ProbePacket(Packet::Ping("probe")));
    assert_eq!(rig.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
    assert_eq!(rig.after(Duration::from_secs(19)), Action::None);
    assert_eq!(rig.after(Duration::from_secs(1)), Action::Close(CloseReason::PingTimeout));
}

#[test]
fn a_close_without_a_waiting_poll_is_fetched_by_the_next_one() {
    let mut rig = Rig::new(Transport::Polling);
    assert_eq!(rig.feed(Input::Close), Action::AwaitLastPoll);
    assert_eq!(rig.feed(Input::Packet(Packet::Message("late"))), Action::None);
    assert_eq!(rig.feed(Input::PollOpened), Action::Farewell);
    assert_eq!(rig.feed(Input::FarewellSent), Action::Close(CloseReason::ForcedClose));
    assert!(rig.session.is_closed());
}

#[test]
fn a_close_nobody_fetches_ends_after_its_timeout() {
    let mut rig = Rig::new(Transport::Polling);
    assert_eq!(rig.feed(Input::Close), Action::AwaitLastPoll);
    assert_eq!(rig.after(Duration::from_secs(29)), Action::None);
    assert_eq!(rig.after(Duration::from_secs(1)), Action::Close(CloseReason::ForcedClose));
}

#[test]
fn a_close_during_an_upgrade_waits_for_the_switch() {
    let mut rig = Rig::probed();
    assert_eq!(rig.feed(Input::Close), Action::AwaitLastPoll);
    assert_eq!(rig.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
    assert_eq!(rig.feed(Input::Close), Action::Close(CloseReason::ForcedClose));
}

#[test]
fn a_close_during_an_upgrade_that_fails_goes_on_over_polling() {
    let mut rig = Rig::probed();
    assert_eq!(rig.feed(Input::Close), Action::AwaitLastPoll);
    assert_eq!(rig.feed(Input::UpgradeLost), Action::None);
    assert_eq!(rig.feed(Input::PollOpened), Action::Farewell);
}

#[test]
fn a_close_with_packets_waiting_lets_polls_fetch_them_first() {
    let mut rig = Rig::new(Transport::Polling);
    assert_eq!(rig.feed(Input::PollOpened), Action::None);
    assert_eq!(rig.feed(Input::Close), Action::AwaitLastPoll);
    assert_eq!(rig.feed(Input::PollAnswered), Action::None);
    assert_eq!(rig.feed(Input::PollOpened), Action::Farewell);
    assert_eq!(rig.feed(Input::PollAnswered), Action::None);
    assert_eq!(rig.feed(Input::PollOpened), Action::Farewell);
    assert_eq!(rig.feed(Input::FarewellSent), Action::Close(CloseReason::ForcedClose));
}

fn any_input() -> impl Strategy<Value = Input<'static>> {
    let packet = prop_oneof![
        Just(Packet::Message("m")),
        Just(Packet::Ping("probe")),
        Just(Packet::Ping("")),
        Just(Packet::Pong("")),
        Just(Packet::Upgrade),
        Just(Packet::Close),
    ];
    prop_oneof![
        packet.clone().prop_map(Input::Packet),
        packet.prop_map(Input::ProbePacket),
        Just(Input::PollOpened),
        Just(Input::PollAnswered),
        Just(Input::PollAborted),
        Just(Input::PostOpened),
        Just(Input::PostEnded),
        Just(Input::UpgradeOpened(Transport::Websocket)),
        Just(Input::UpgradeOpened(Transport::Webtransport)),
        Just(Input::UpgradeLost),
        Just(Input::TransportLost(CloseReason::TransportClose)),
        Just(Input::Close),
        Just(Input::FarewellSent),
        Just(Input::Tick),
    ]
}

proptest! {
    #[test]
    fn a_closed_session_stays_closed_and_delivers_nothing(
        revision in prop_oneof![Just(Revision::V3), Just(Revision::V4)],
        steps in prop::collection::vec((any_input(), 0u64..30_000), 0..60),
    ) {
        let mut rig = Rig::speaking(revision, Transport::Polling);
        let mut closes = 0;
        for (input, wait) in steps {
            rig.now += Duration::from_millis(wait);
            let was_closed = rig.session.is_closed();
            let action = rig.feed(input);
            prop_assert!(!was_closed || rig.session.is_closed());
            prop_assert!(!(was_closed && matches!(action, Action::Deliver(_))));
            prop_assert_eq!(rig.session.deadline().is_none(), rig.session.is_closed());
            closes += usize::from(matches!(action, Action::Close(_)));
        }
        prop_assert!(closes <= 1, "a session ends once, this one ended {} times", closes);
    }
}

//! The change from polling to a WebSocket.

use engineio::engine::{Action, Input, Packet, Transport};

use super::{Connection, Probe};
use crate::network::Pipe;

impl Connection {
    /// Brings the change one step on; answers whether there was something to do.
    pub fn step_upgrade(&mut self, pipe: impl FnOnce() -> Pipe) -> bool {
        match self.probe {
            Probe::None if !self.is_websocket() => {
                if self.peer.feed(Input::UpgradeOpened(Transport::Websocket)) == Action::Refuse {
                    return false;
                }
                self.probe = Probe::Opened;
                self.upgrade.set();
            }
            Probe::Opened if self.peer.is_upgrading() => {
                let action = self.peer.feed(Input::ProbePacket(Packet::Ping("probe")));
                self.probe = if action == Action::AnswerProbe { Probe::Answered } else { Probe::Dropped };
            }
            Probe::Answered if !self.polling && !self.posting && self.answer.is_none() => {
                self.switch(pipe);
            }
            Probe::None | Probe::Opened | Probe::Answered | Probe::Dropped => return false,
        }
        true
    }

    fn switch(&mut self, pipe: impl FnOnce() -> Pipe) {
        let action = self.peer.feed(Input::ProbePacket(Packet::Upgrade));
        self.peer.feed(Input::UpgradeLost);
        if action != Action::Switch {
            self.probe = Probe::Dropped;
            return;
        }
        self.probe = Probe::None;
        self.peer.set_base64(false);
        if self.peer.is_closing() {
            self.peer.feed(Input::Close);
        }
        self.attach(pipe());
    }

    /// The WebSocket that is not the transport yet breaks.
    pub fn lose_upgrade(&mut self) -> bool {
        let was = std::mem::replace(&mut self.probe, Probe::None);
        if matches!(was, Probe::Opened | Probe::Answered) {
            self.peer.feed(Input::UpgradeLost);
        }
        was != Probe::None
    }
}

//! The ids by which QUIC tells connections apart.

use web_transport_quinn::quinn::{ConnectionId, ConnectionIdGenerator};

use crate::server::runtime::random;

/// The bytes of an id. Clients send one in each packet.
const LENGTH: usize = 8;

/// Makes ids of nothing but random bytes.
///
/// quinn's own have 24 random bits, and a connection has several. The id in a Retry packet is not compared with those in
/// use: with 1,000 connections, one client in 3,000 would get another's id there, and never an answer (RFC 9000, section
/// 5.1, wants ids that no other connection has).
pub(super) struct ConnectionIds;

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&random()[..LENGTH])
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_connection_id_is_no_other_connections() {
        // Of 24 random bits, a dozen would come twice.
        const MANY: usize = 20_000;
        let ids: HashSet<Vec<u8>> = (0..MANY).map(|_| ConnectionIds.generate_cid().to_vec()).collect();
        assert_eq!(ids.len(), MANY);
        assert!(ids.iter().all(|id| id.len() == ConnectionIds.cid_len()));
    }
}

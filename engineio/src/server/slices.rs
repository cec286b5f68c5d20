//! The rest of a large broadcast, flushed a slice at a time.

use std::sync::Arc;

use tokio::task::yield_now;

use crate::hub::{FLUSH_AT_ONCE, Flush};

/// Flushes connections in slices, before each of which everything else that is ready has its turn.
pub(super) async fn flush_in_slices(connections: Vec<Arc<dyn Flush>>) {
    for slice in connections.chunks(FLUSH_AT_ONCE) {
        let_others_go_first().await;
        slice.iter().for_each(|connection| connection.flush());
    }
}

/// Takes two breaks. In the first the worker looks which sockets are ready, but tokio runs the task that took the break
/// before those it wakes for them; the second lets these go first.
async fn let_others_go_first() {
    yield_now().await;
    yield_now().await;
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parking_lot::Mutex;
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
        runtime::Builder,
    };

    use super::*;

    /// Writes down what happens; the first flush makes a socket ready.
    struct Log {
        seen: Mutex<Vec<&'static str>>,
        wire: Mutex<Option<std::net::TcpStream>>,
    }

    impl Flush for Log {
        fn flush(&self) {
            self.seen.lock().push("flush");
            if let Some(mut wire) = self.wire.lock().take() {
                wire.write_all(b"x").unwrap();
            }
        }
    }

    /// The two ends of a connection.
    async fn pair() -> (TcpStream, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().await.unwrap().0, wire)
    }

    async fn what_happens() -> Vec<&'static str> {
        let (mut stream, wire) = pair().await;
        let log = Arc::new(Log { seen: Mutex::default(), wire: Mutex::new(Some(wire)) });
        let seen = Arc::clone(&log);
        let reader = tokio::spawn(async move {
            stream.read_u8().await.unwrap();
            seen.seen.lock().push("read");
        });
        // The reader is to wait for its socket already.
        yield_now().await;
        let connections: Vec<Arc<dyn Flush>> = vec![Arc::<Log>::clone(&log); 3 * FLUSH_AT_ONCE];
        tokio::spawn(flush_in_slices(connections)).await.unwrap();
        reader.await.unwrap();
        log.seen.lock().clone()
    }

    #[test]
    fn a_socket_that_becomes_ready_in_one_slice_is_served_before_the_next() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
        let seen = runtime.block_on(async { tokio::spawn(what_happens()).await.unwrap() });
        assert_eq!(seen.iter().position(|what| *what == "read"), Some(FLUSH_AT_ONCE));
        assert_eq!(seen.len(), 3 * FLUSH_AT_ONCE + 1);
    }
}

//! Connects and closes again, to see whether connections are routed anywhere at all. It is no load and records nothing.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::plan::Route;

/// The longest that one connect is awaited: the first repetition of an unanswered SYN comes after a second.
const CONNECT: Duration = Duration::from_millis(1_500);

/// Makes `tries` connections at once; how the first that came nowhere ended, `None` if there is none. A refusal comes
/// from a pod, or from a rule, so it is an answer.
pub(crate) async fn reach(route: &Arc<dyn Route>, tries: usize) -> Option<String> {
    let mut connecting: JoinSet<Option<String>> = (0..tries)
        .map(|_| {
            let address = route.next();
            async move {
                let failed = connected(address).await.err();
                failed.filter(|error| error.kind() != ErrorKind::ConnectionRefused).map(|error| error.to_string())
            }
        })
        .collect();
    let mut nowhere = None;
    while let Some(ended) = connecting.join_next().await {
        nowhere = nowhere.or(ended.ok().flatten());
    }
    nowhere
}

/// Makes a connection and closes it; why it was not made. Here a refusal is none.
pub(crate) async fn connect_once(address: SocketAddr) -> Option<String> {
    connected(address).await.err().map(|error| error.to_string())
}

async fn connected(address: SocketAddr) -> io::Result<()> {
    let silent = |_| Err(io::Error::other(format!("no answer within {} ms", CONNECT.as_millis())));
    tokio::time::timeout(CONNECT, TcpStream::connect(address)).await.unwrap_or_else(silent).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_of_any_kind_is_somewhere_and_silence_is_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<dyn Route> = Arc::new(address);
        assert_eq!((reach(&open, 3).await, connect_once(address).await), (None, None));
        drop(listener);
        assert_eq!(reach(&open, 3).await, None, "refused");
        assert!(connect_once(address).await.is_some_and(|why| why.contains("refused")), "which is no connection");
        // A multicast address takes no connections.
        let nowhere: Arc<dyn Route> = Arc::new(SocketAddr::from(([224, 0, 0, 1], 9)));
        assert!(reach(&nowhere, 2).await.is_some());
    }
}

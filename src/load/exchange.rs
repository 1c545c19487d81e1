//! One request and its response over one connection. The connection is driven by the task that uses it, so nothing is
//! read or written behind the attempt's back, and nothing is ever sent twice.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::unconstrained;
use tokio::time::Sleep;

use crate::clock::Stamp;

use super::classify::ExchangeEnd;
use super::load_stream::LoadStream;
use super::pending_attempt::PendingAttempt;
use super::socket::{SocketFacts, TlsAnswer};
use super::words::innermost;

/// A TCP connection that was made.
#[derive(Debug)]
pub(super) struct DialedConnection {
    pub(super) facts: Arc<SocketFacts>,
    pub(super) id: u64,
    pub(super) established: Stamp,
    /// The TLS handshake was complete; `None` without TLS.
    pub(super) secured: Option<Stamp>,
    pub(super) rtt_ns: u64,
    pub(super) local_port: u16,
    /// Its address's place among those that the route tells apart.
    pub(super) node: Option<u16>,
}

pub(super) struct HttpConnection {
    pub(super) sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    pub(super) connection: Option<http1::Connection<TokioIo<LoadStream>, Full<Bytes>>>,
    pub(super) dialed: DialedConnection,
    /// Requests that it carried.
    pub(super) uses: u32,
    /// The pod that an earlier response named.
    pub(super) pod: Option<Arc<str>>,
}

impl HttpConnection {
    /// Lets the connection read and write what it can. An ended one is closed.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Lets the connection finish what belongs to the last response, and tells whether it can carry another request.
    pub(super) async fn settle(&mut self) -> bool {
        if self.connection.is_some() && !self.sender.is_ready() {
            poll_fn(|cx| {
                self.drive(cx);
                Poll::Ready(())
            })
            .await;
        }
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Waits until a connection that is closing has closed, until `deadline`. Only one over a port of the load's own takes
    /// its time.
    pub(super) async fn closed(&mut self, mut deadline: Pin<&mut Sleep>) {
        poll_fn(|cx| {
            self.drive(cx);
            if self.connection.is_none() { Poll::Ready(()) } else { deadline.as_mut().poll(cx) }
        })
        .await;
    }
}

/// Sends `request` and reads the response to its end, until `deadline`.
pub(super) async fn exchange(
    link: &mut HttpConnection,
    request: Request<Full<Bytes>>,
    flight: &mut PendingAttempt,
    mut deadline: Pin<&mut Sleep>,
) -> ExchangeEnd {
    // Answers and bodies arrive only while the connection is driven, which happens below, so they need no waker: with
    // one, each answer would wake the task that is just reading it. Without a waker the runtime's budget must not
    // make them wait.
    let mut answer = pin!(unconstrained(link.sender.try_send_request(request)));
    let mut body: Option<Incoming> = None;
    link.uses += 1;
    poll_fn(|cx| {
        loop {
            link.drive(cx);
            let step = match &mut body {
                Some(body) => read_body(body),
                None => match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(response)) => {
                        let (head, incoming) = response.into_parts();
                        if let Some(pod) = flight.head(&head) {
                            link.pod = Some(pod);
                        }
                        read_body(body.insert(incoming))
                    }
                    Poll::Ready(Err(error)) => {
                        let error = error.into_error();
                        let tls = link.dialed.facts.seen().tls;
                        let words = if tls == TlsAnswer::Invalid { innermost(&error) } else { error.to_string() };
                        BodyRead::End(ExchangeEnd::Failed { malformed: error.is_parse(), words })
                    }
                    Poll::Pending => BodyRead::Nothing,
                },
            };
            match step {
                BodyRead::End(end) => return Poll::Ready(end),
                // There may be more to read now that there is room for it.
                BodyRead::Some if link.connection.is_some() => {}
                BodyRead::Some | BodyRead::Nothing => break,
            }
        }
        deadline.as_mut().poll(cx).map(|()| ExchangeEnd::TimedOut)
    })
    .await
}

enum BodyRead {
    End(ExchangeEnd),
    Some,
    /// Nothing is there yet.
    Nothing,
}

fn read_body(body: &mut Incoming) -> BodyRead {
    let mut read = false;
    loop {
        if body.is_end_stream() {
            return BodyRead::End(ExchangeEnd::Complete);
        }
        match Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(_))) => read = true,
            Poll::Ready(Some(Err(error))) => {
                return BodyRead::End(ExchangeEnd::Failed { malformed: false, words: error.to_string() });
            }
            Poll::Ready(None) => return BodyRead::End(ExchangeEnd::Complete),
            Poll::Pending => return if read { BodyRead::Some } else { BodyRead::Nothing },
        }
    }
}

//! Carries one attempt over a connection, and `new`'s attempts from dial to close.

use std::pin::{Pin, pin};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use tokio::time::{Sleep, sleep_until};

use crate::spec::RequestSpec;

use super::classify::{self, DialError, ExchangeEnd, HandshakeEnd};
use super::dial::dial;
use super::exchange::{HttpConnection, exchange};
use super::load_schedule::PlannedAttempt;
use super::pending_attempt::PendingAttempt;
use super::plan::LoadPlan;
use super::rotation::AWAIT_FIN;

/// A kind's request, ready to be copied.
pub(super) struct PreparedRequest {
    uri: Uri,
    pub(super) body: Bytes,
    kept: HeaderMap,
    closing: HeaderMap,
}

impl PreparedRequest {
    pub(super) fn new(kind: &RequestSpec) -> Self {
        let kept = kind.header_map();
        let mut closing = kept.clone();
        closing.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Self { uri: Uri::from(kind.path.clone()), body: Bytes::from(kind.body.clone()), kept, closing }
    }

    pub(super) fn headers(&self, plan: &LoadPlan, planned: PlannedAttempt) -> HeaderMap {
        let mut headers = if planned.arm.connects_anew() { self.closing.clone() } else { self.kept.clone() };
        if let Some(name) = &plan.attempt_header {
            headers.insert(name.clone(), HeaderValue::from(planned.id));
        }
        headers
    }

    pub(super) fn request(&self, plan: &LoadPlan, planned: PlannedAttempt) -> Request<Full<Bytes>> {
        let kind = &plan.spec.requests[usize::from(planned.request)];
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = kind.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers(plan, planned);
        request
    }
}

/// One attempt on a connection of its own.
pub(super) async fn on_new(mut flight: PendingAttempt) {
    let shared = flight.shared().clone();
    let started = flight.start();
    let mut deadline = pin!(sleep_until(shared.deadline(started)));
    match dial(&shared, shared.door(flight.planned()), flight.next_address(), deadline.as_mut()).await {
        Ok(mut link) => {
            flight.carried_by(&link, true);
            over(&mut link, flight, deadline.as_mut()).await;
            // Lets the connection say FIN in order. The attempt has ended, whatever becomes of it.
            let reusable = link.settle().await;
            if !reusable && link.connection.is_some() {
                deadline.as_mut().reset(shared.after(AWAIT_FIN));
                link.closed(deadline).await;
            }
        }
        Err(error) => end_dial(flight, &error),
    }
}

/// Sends the attempt's request over `link` and ends the attempt.
pub(super) async fn over(link: &mut HttpConnection, mut flight: PendingAttempt, deadline: Pin<&mut Sleep>) {
    let planned = flight.planned();
    let shared = flight.shared().clone();
    let request = shared.prepared[usize::from(planned.request)].request(&shared.plan, planned);
    match exchange(link, request, &mut flight, deadline).await {
        ExchangeEnd::Complete => flight.complete(),
        end => {
            // Whatever else would come on this connection belongs to an attempt that has ended.
            link.connection = None;
            let outcome = classify::of_failure(&end, flight.stage(), flight.seen(), flight.is_fresh());
            let words = match end {
                ExchangeEnd::Failed { words, .. } if flight.seen().errno.is_none() => words,
                _ => String::new(),
            };
            flight.end(outcome, None, words);
        }
    }
}

/// The attempt ends because no connection could be made for it.
pub(super) fn end_dial(mut flight: PendingAttempt, error: &DialError) {
    let (outcome, errno) = classify::of_dial(error);
    if let DialError::Handshake { dialed, .. } = error {
        flight.left_in_handshake(dialed);
    }
    let words = match error {
        DialError::Handshake { end: HandshakeEnd::Refused { words }, .. } => words.clone(),
        DialError::Local(error) | DialError::Connect(error) if errno.is_none() => error.to_string(),
        _ => String::new(),
    };
    flight.end(outcome, errno, words);
}

//! The arm of an ordinary application client, reqwest: it pools connections and repeats a request on a dead one in
//! silence. What it reports is all that is known, so bytes, stages and connections are not.
//!
//! Its local ports are the kernel's, also where the other arms choose theirs: it offers no choice. Behind a NAT one of its
//! connections can meet what an earlier connection over the same port has left, and so a pod that is long gone.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

use crate::record::Outcome;

use super::classify;
use super::pending_attempt::PendingAttempt;
use super::plan::Route;

/// The name that requests are addressed to; the route answers for it. RFC 6761 keeps `.invalid` out of every DNS, and
/// the `Host` header is the plan's own.
const AUTHORITY: &str = "load.rollproof.invalid";

/// A client whose new connections go where `route` says.
pub(super) fn client(route: Arc<dyn Route>, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Arc::new(RouteResolver(route)))
        .build()
}

/// The URL of a path, as the client wants it.
pub(super) fn url(path_and_query: &http::uri::PathAndQuery) -> String {
    format!("http://{AUTHORITY}{path_and_query}")
}

struct RouteResolver(Arc<dyn Route>);

impl Resolve for RouteResolver {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0.next()));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// One attempt by the ordinary client.
pub(super) async fn carry(mut flight: PendingAttempt, client: reqwest::Client) {
    let shared = flight.shared().clone();
    let planned = flight.planned();
    let index = usize::from(planned.request);
    let kind = &shared.plan.spec.requests[index];
    let mut request = client
        .request(kind.method.clone(), url(&kind.path))
        .headers(shared.prepared[index].headers(&shared.plan, planned));
    let body = &shared.prepared[index].body;
    if !body.is_empty() {
        request = request.body(body.clone());
    }
    flight.start();
    let response = match request.send().await {
        Ok(response) => http::Response::<reqwest::Body>::from(response),
        // The query of its URL may hold a credential.
        Err(error) => return end(flight, &error.without_url(), false),
    };
    let (head, body) = response.into_parts();
    flight.head(&head);
    match read(body).await {
        Ok(()) => flight.complete(),
        Err(error) => end(flight, &error.without_url(), true),
    }
}

async fn read(mut body: reqwest::Body) -> Result<(), reqwest::Error> {
    use http_body_util::BodyExt as _;
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

fn end(flight: PendingAttempt, error: &reqwest::Error, in_body: bool) {
    let (outcome, errno) = outcome(error, in_body);
    let words = if errno.is_none() { innermost(error) } else { String::new() };
    flight.end(outcome, errno, words);
}

/// The outcome that the client's error stands for. Without byte counts a cut head cannot be told from no answer at all.
fn outcome(error: &reqwest::Error, in_body: bool) -> (Outcome, Option<i32>) {
    let found = walk(error);
    if error.is_timeout() && found.errno.is_none() {
        let outcome = if in_body {
            Outcome::BodyTimeout
        } else if error.is_connect() {
            Outcome::ConnectTimeout
        } else {
            Outcome::HeaderTimeout
        };
        return (outcome, None);
    }
    let outcome = match found.errno {
        Some(errno) if error.is_connect() => classify::of_connect_errno(errno),
        Some(errno) if errno == Errno::ETIMEDOUT as i32 && in_body => Outcome::BodyTimeout,
        Some(errno) if errno == Errno::ETIMEDOUT as i32 => Outcome::HeaderTimeout,
        Some(_) if in_body => Outcome::BodyReset,
        Some(_) => Outcome::ResetBeforeByte,
        None if found.malformed => Outcome::BadHttp,
        None if in_body && found.end_of_stream => Outcome::BodyClosed,
        None if in_body => Outcome::BadHttp,
        None if error.is_connect() => Outcome::ClientLocal,
        None => Outcome::ClosedBeforeByte,
    };
    (outcome, found.errno)
}

#[derive(Default)]
struct ErrorCauses {
    errno: Option<i32>,
    malformed: bool,
    end_of_stream: bool,
}

/// Looks through the chain of sources, and into the errors that `io::Error` wraps without naming them as a source.
fn walk(error: &(dyn Error + 'static)) -> ErrorCauses {
    let mut found = ErrorCauses::default();
    let mut next = Some(error);
    // Chains are short; the bound only guards against one that refers to itself.
    for _ in 0..32 {
        let Some(error) = next else { break };
        next = error.source();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            found.errno = found.errno.or(error.raw_os_error());
            found.end_of_stream |= error.kind() == io::ErrorKind::UnexpectedEof;
            next = error.get_ref().map(|inner| inner as &(dyn Error + 'static)).or(next);
        } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
            found.malformed |= error.is_parse();
            found.end_of_stream |= error.is_incomplete_message();
        }
    }
    found
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    for _ in 0..32 {
        let Some(source) = innermost.source() else { break };
        innermost = source;
    }
    innermost.to_string()
}

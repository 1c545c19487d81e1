//! The arm of an ordinary application client, reqwest: it pools connections and repeats a request on a dead one in
//! silence. What it reports is all that is known, so bytes, stages and connections are not.
//!
//! Its local ports are the kernel's, also where the other arms choose theirs: it offers no choice. Behind a NAT one of its
//! connections can meet what an earlier connection over the same port has left, and so a pod that is long gone.

use std::error::Error;
use std::io;
use std::sync::Arc;

use nix::errno::Errno;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

use crate::record::Outcome;
use crate::spec::{Door, LoadSpec};

use super::classify;
use super::pending_attempt::PendingAttempt;
use super::plan::{LoadError, Route};
use super::tls_client::OrdinaryTls;
use super::tls_words;
use super::words::innermost;

/// The name that requests are addressed to where the server has none of its own; the route answers for it. RFC 6761 keeps
/// `.invalid` out of every DNS, and the `Host` header is the plan's own.
const AUTHORITY: &str = "load.rollproof.invalid";

/// An ordinary client, and the scheme and authority of its URLs.
#[derive(Clone)]
pub(super) struct PooledClient {
    client: reqwest::Client,
    origin: Arc<str>,
}

impl PooledClient {
    /// A client of `door`, whose new connections go where `route` says.
    pub(super) fn new(route: Arc<dyn Route>, spec: &LoadSpec, door: Door) -> Result<Self, LoadError> {
        let (scheme, tls) = match spec.tls_at(door) {
            Some(tls) => ("https", OrdinaryTls::new(tls)?),
            None => ("http", OrdinaryTls::unused()?),
        };
        let origin = format!("{scheme}://{}", tls.host.as_deref().unwrap_or(AUTHORITY));
        let client = reqwest::Client::builder()
            .timeout(spec.timeout)
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Arc::new(RouteResolver(route)))
            .tls_backend_preconfigured(tls.config)
            .build();
        let client = client.map_err(io::Error::other);
        let client = client.map_err(LoadError::system("building the client of the arm pooled"))?;
        Ok(Self { client, origin: origin.into() })
    }
}

struct RouteResolver(Arc<dyn Route>);

impl Resolve for RouteResolver {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0.next()));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// One attempt by the ordinary client.
pub(super) async fn carry(mut flight: PendingAttempt, pooled: PooledClient) {
    let shared = flight.shared().clone();
    let planned = flight.planned();
    let index = usize::from(planned.request);
    let kind = &shared.plan.spec.requests[index];
    let mut request = pooled
        .client
        .request(kind.method.clone(), format!("{}{}", pooled.origin, kind.path))
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
    let shared = flight.shared();
    let secured = shared.way(shared.door(flight.planned())).tls.is_some();
    let (outcome, errno) = outcome(error, in_body, secured);
    let words = match walk(error).tls {
        Some(tls) => tls_words::describe(tls),
        None if errno.is_none() => innermost(error),
        None => String::new(),
    };
    flight.end(outcome, errno, words);
}

/// The outcome that the client's error stands for. Without byte counts a cut head cannot be told from no answer at all.
fn outcome(error: &reqwest::Error, in_body: bool, secured: bool) -> (Outcome, Option<i32>) {
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
    if found.tls.is_some() && !in_body {
        return (Outcome::TlsFailed, None);
    }
    let outcome = match found.errno {
        Some(errno) if secured && error.is_connect() && is_reset(errno) => Outcome::TlsReset,
        Some(errno) if error.is_connect() => classify::of_connect_errno(errno),
        Some(errno) if errno == Errno::ETIMEDOUT as i32 && in_body => Outcome::BodyTimeout,
        Some(errno) if errno == Errno::ETIMEDOUT as i32 => Outcome::HeaderTimeout,
        Some(_) if in_body => Outcome::BodyReset,
        Some(_) => Outcome::ResetBeforeByte,
        None if found.malformed => Outcome::BadHttp,
        None if in_body && found.end_of_stream => Outcome::BodyClosed,
        None if in_body => Outcome::BadHttp,
        None if error.is_connect() && found.end_of_stream => Outcome::TlsClosed,
        None if error.is_connect() => Outcome::ClientLocal,
        None => Outcome::ClosedBeforeByte,
    };
    (outcome, found.errno)
}

fn is_reset(errno: i32) -> bool {
    matches!(Errno::from_raw(errno), Errno::ECONNRESET | Errno::EPIPE)
}

#[derive(Default)]
struct ErrorCauses<'a> {
    errno: Option<i32>,
    malformed: bool,
    end_of_stream: bool,
    tls: Option<&'a rustls::Error>,
}

/// Looks through the chain of sources, and into the errors that `io::Error` wraps without naming them as a source.
fn walk<'a>(error: &'a (dyn Error + 'static)) -> ErrorCauses<'a> {
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
        } else if let Some(error) = error.downcast_ref::<rustls::Error>() {
            found.tls = Some(error);
        } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
            found.malformed |= error.is_parse();
            found.end_of_stream |= error.is_incomplete_message();
        }
    }
    found
}

//! The server's life: start delay, listening, answering, and the stop that was chosen.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::TargetError;
use super::connection::{BodyEndNote, ConnectionHandle, OpenConnections, TrackedConnection, WatchedSocket};
use super::respond::{AnswerBody, LONGEST_ECHO, TargetAnswer, answer};
use super::target_args::{OnTerm, TargetArgs};
use super::target_truth::{TargetEvent, TargetTruth};
use crate::clock::{Clock, Stamp, saturating_ns};

/// Connections that are open at most; more wait in the accept queue.
const MOST_CONNECTIONS: usize = 10_000;
/// While draining, a connection on which nothing was ever asked is given this long to ask.
const FRESH_WAIT: Duration = Duration::from_secs(1);
/// The most that a slow start delays one answer.
const LONGEST_SLOW_START: Duration = Duration::from_secs(1);
/// After an accept that the system refused (out of descriptors), and while full.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

struct TargetService {
    pod: Option<HeaderValue>,
    clock: Clock,
    /// `/ready` says 200 from here on.
    ready_ns: Stamp,
    /// Answers are not slowed from here on.
    started_ns: Stamp,
    /// What `/status` says where no code is asked for.
    status: u16,
    /// Every request is answered with 503.
    sheds: AtomicBool,
}

struct StopSignals {
    term: Signal,
    quit: Signal,
}

/// Serves until SIGTERM ends it in the way that was chosen; with `OnTerm::Ignore` it does not return.
pub(crate) fn run(args: &TargetArgs) -> Result<(), TargetError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TargetError::Start)?;
    runtime.block_on(serve(args))
}

async fn serve(args: &TargetArgs) -> Result<(), TargetError> {
    let pod = args.pod.clone().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let header = match HeaderValue::from_str(&pod) {
        Ok(value) => Some(value).filter(|_| !pod.is_empty()),
        Err(_) => return Err(TargetError::PodName { name: pod }),
    };
    let truth = TargetTruth::open(&pod, args.truth_file.as_deref()).map_err(|source| TargetError::Truth {
        path: args.truth_file.as_deref().unwrap_or("".as_ref()).display().to_string(),
        source,
    })?;
    let connections = OpenConnections::new(truth);
    // From here on SIGTERM and SIGQUIT are ours, so that a stop during the start delay is the chosen one too.
    let on = |kind| signal(kind).map_err(TargetError::Start);
    let mut stops = StopSignals { term: on(SignalKind::terminate())?, quit: on(SignalKind::quit())? };
    if stopped_early(args, &connections, &mut stops).await {
        connections.note(TargetEvent::Exit);
        return Ok(());
    }
    let address = args.address();
    let failed = |source| TargetError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    connections.note(TargetEvent::Listening { address: listener.local_addr().map_err(failed)? });
    let clock = Clock::start();
    let service = Arc::new(TargetService {
        pod: header,
        clock,
        ready_ns: saturating_ns(args.ready_delay),
        started_ns: saturating_ns(args.slow_start),
        status: args.status,
        sheds: AtomicBool::new(false),
    });
    until_stopped(args, listener, &connections, &service, &mut stops).await;
    connections.note(TargetEvent::Exit);
    Ok(())
}

/// Waits out the start delay; true if the process is to end instead.
async fn stopped_early(args: &TargetArgs, connections: &OpenConnections, stops: &mut StopSignals) -> bool {
    let mut delay = pin!(tokio::time::sleep(args.start_delay));
    loop {
        tokio::select! {
            () = &mut delay => return false,
            _ = stops.term.recv() => connections.note(TargetEvent::Term),
            _ = stops.quit.recv() => {
                connections.note(TargetEvent::Quit);
                return true;
            }
        }
        if args.on_term != OnTerm::Ignore {
            return true;
        }
    }
}

/// Accepts and answers until the stop is over.
async fn until_stopped(
    args: &TargetArgs,
    listener: TcpListener,
    connections: &OpenConnections,
    service: &Arc<TargetService>,
    stops: &mut StopSignals,
) {
    let (drain, draining) = watch::channel(false);
    let mut accepting = Box::pin(accept_all(listener, connections, service, draining));
    loop {
        tokio::select! {
            biased;
            // Of two signals that came at once SIGQUIT was the first: nothing is sent after SIGTERM.
            _ = stops.quit.recv() => {
                connections.note(TargetEvent::Quit);
                break;
            }
            _ = stops.term.recv() => connections.note(TargetEvent::Term),
            () = &mut accepting => return,
        }
        match args.on_term {
            OnTerm::Ignore => {}
            OnTerm::Shed => service.sheds.store(true, Ordering::Relaxed),
            OnTerm::Exit => return connections.cut(),
            OnTerm::Drain => break,
        }
    }
    let draining = async {
        // The listener stays open for a while, and connections are answered as before.
        let _ = tokio::time::timeout(args.drain_keeps_listening, &mut accepting).await;
        // The listener goes with the future that owns it.
        drop(accepting);
        connections.note(TargetEvent::ListenerClosed);
        drain.send_replace(true);
        let _ = tokio::time::timeout(args.drain_timeout, all_closed(connections, &drain)).await;
    };
    tokio::select! {
        biased;
        () = told_to_exit(args, connections, &mut stops.term) => {}
        () = draining => {}
    }
    connections.cut();
}

/// Waits for the SIGTERM that ends a drain at once: with `OnTerm::Exit`, where SIGQUIT began the drain.
async fn told_to_exit(args: &TargetArgs, connections: &OpenConnections, term: &mut Signal) {
    loop {
        if term.recv().await.is_none() {
            return std::future::pending().await;
        }
        connections.note(TargetEvent::Term);
        if args.on_term == OnTerm::Exit {
            return;
        }
    }
}

/// Returns once no connection is left. Each holds a receiver of `drain` until it is closed.
async fn all_closed(connections: &OpenConnections, drain: &watch::Sender<bool>) {
    while connections.count() > 0 {
        tokio::select! {
            () = drain.closed() => {}
            () = tokio::time::sleep(ACCEPT_PAUSE) => {}
        }
    }
}

async fn accept_all(
    listener: TcpListener,
    connections: &OpenConnections,
    service: &Arc<TargetService>,
    draining: watch::Receiver<bool>,
) {
    let mut number = 0;
    loop {
        if connections.count() >= MOST_CONNECTIONS {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        let Ok((socket, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Small answers leave at once; a socket that refuses the option works without.
        let _ = socket.set_nodelay(true);
        let connection = connections.accepted(number, peer);
        number += 1;
        tokio::spawn(serve_connection(socket, connection, Arc::clone(service), draining.clone()));
    }
}

/// Answers one connection's requests until either side closes it, or draining ends it in order.
async fn serve_connection(
    socket: TcpStream,
    connection: TrackedConnection,
    service: Arc<TargetService>,
    mut draining: watch::Receiver<bool>,
) {
    let handle = connection.handle();
    let io = TokioIo::new(WatchedSocket { socket, handle: handle.clone() });
    let each = hyper::service::service_fn(|request| respond(request, &service, handle.clone()));
    let mut serving = pin!(hyper::server::conn::http1::Builder::new().serve_connection(io, each));
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = draining.wait_for(|drain| *drain) => serving.as_mut().graceful_shutdown(),
    }
    // hyper closes an idle connection now and one that answers when it is done, but it would wait for ever for the
    // first request of one that never asked.
    tokio::select! {
        _ = serving.as_mut() => {}
        () = async { tokio::time::sleep(FRESH_WAIT).await; if !handle.is_fresh() { std::future::pending().await } } => {}
    }
    drop(connection);
}

async fn respond(
    request: Request<Incoming>,
    service: &TargetService,
    handle: ConnectionHandle,
) -> Result<Response<AnswerBody<BodyEndNote>>, std::convert::Infallible> {
    let uri = request.uri();
    handle.read(uri.path_and_query().map_or("/", |path| path.as_str()));
    let now = service.clock.now();
    let left = Duration::from_nanos(service.started_ns.saturating_sub(now)).min(LONGEST_SLOW_START);
    if !left.is_zero() {
        tokio::time::sleep(left).await;
    }
    let ready = now >= service.ready_ns;
    let chosen = if service.sheds.load(Ordering::Relaxed) {
        TargetAnswer::Text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned(), Duration::ZERO)
    } else {
        answer(request.method(), uri.path(), uri.query().unwrap_or(""), ready, service.status)
    };
    let end = |status: StatusCode| BodyEndNote { handle: handle.clone(), status: status.as_u16() };
    let (status, body) = match chosen {
        TargetAnswer::Filler { bytes, told, pause } => {
            (StatusCode::OK, AnswerBody::filler(bytes, told, pause, end(StatusCode::OK)))
        }
        TargetAnswer::Text(status, text, delay) => {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            (status, AnswerBody::whole(Bytes::from(text), end(status)))
        }
        TargetAnswer::Echo => {
            let (status, bytes) = echo(request).await;
            (status, AnswerBody::whole(bytes, end(status)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    if let Some(pod) = &service.pod {
        response.headers_mut().insert("x-pod", pod.clone());
    }
    Ok(response)
}

async fn echo(request: Request<Incoming>) -> (StatusCode, Bytes) {
    match Limited::new(request.into_body(), LONGEST_ECHO).collect().await {
        Ok(body) => (StatusCode::OK, body.to_bytes()),
        Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, Bytes::from_static(b"at most 1 MiB is echoed\n")),
    }
}

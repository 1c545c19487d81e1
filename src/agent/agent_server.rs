//! The agent's side: a small HTTP server in front of what the agent can do.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::agent_access::missing;
use super::agent_state::{AgentState, LoadSlot};
use super::answers::{AgentAnswer, CommandAnswers};
use super::spool::{Spool, SpoolPosition};
use super::strangers::Strangers;
use super::wire::{AgentHello, AgentRefusal, BOOT_HEADER, CALL_HEADER, EndLoad, PORT, StreamStart, TOKEN_HEADER};
use crate::clock::{Clock, saturating_ns};
use crate::load::{LocalPorts, PortRotation};
use crate::record::Writer;
use crate::record::sink::{CAPACITY, channel};

/// A command's body holds a load's plan, request bodies included.
const COMMAND_MAX: usize = 32 * 1024 * 1024;
/// A request's head comes within this time, or its connection is closed; also where another may follow on it.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The longest head: the driver's own are below a kilobyte.
const HEAD_MAX: usize = 16 * 1024;
/// How often lines are looked for while they are streamed.
const BATCH_EVERY: Duration = Duration::from_millis(250);
/// After this time without a request the agent ends: its driver is gone.
const ALONE_MAX: Duration = Duration::from_mins(5);
/// After this time without a reader the load ends: its driver has given this agent up, and may have another.
const UNHEARD_MAX: Duration = Duration::from_secs(45);

/// Arguments of the hidden subcommand.
#[derive(Debug, Clone, clap::Args)]
pub struct AgentArgs {
    /// The file that recorded lines are spooled to
    #[arg(long, default_value = "/spool/lines.jsonl")]
    pub spool: PathBuf,
    /// The most that the spool may hold
    #[arg(long, value_name = "BYTES")]
    pub spool_max: u64,
    /// The run's origin on the wall clock: stamp 0
    #[arg(long, value_name = "NS")]
    pub origin_unix_ns: u64,
    /// The run's token
    #[arg(long, env = "ROLLPROOF_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Where to listen
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))]
    pub listen: SocketAddr,
}

#[derive(Debug, thiserror::Error)]
#[error("agent: {doing}: {why}")]
pub struct ServeError {
    doing: &'static str,
    why: String,
}

fn failed<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> ServeError {
    move |error| ServeError { doing, why: error.to_string() }
}

struct AgentServer {
    hello: AgentHello,
    token: String,
    state: Arc<AgentState>,
    spool: Arc<Spool>,
    answers: CommandAnswers,
    heard: Arc<AtomicU64>,
    strangers: Strangers,
}

type HttpReply = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// Serves until a signal stops it or its driver is gone. `client` is how the agent sees the cluster.
pub async fn serve(arguments: AgentArgs, client: kube::Client) -> Result<(), ServeError> {
    let clock = Clock::since(arguments.origin_unix_ns);
    let (sink, source) = channel(CAPACITY);
    let writer = Writer::spool(&arguments.spool, arguments.spool_max, source, clock).map_err(failed("spooling"))?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(failed("naming this life"))?;
    let ports = PortRotation::of_this_machine(first_port(&boot)).map_err(failed("preparing the load"))?;
    let state = AgentState {
        clock,
        sink,
        client,
        spooling: writer.status(),
        observers: Mutex::default(),
        load: Mutex::new(LoadSlot::default()),
        local_ports: LocalPorts::Rotation(Arc::new(ports)),
    };
    let agent = Arc::new(AgentServer {
        hello: AgentHello { version: env!("CARGO_PKG_VERSION").to_owned(), boot: boot.trim().to_owned() },
        token: arguments.token,
        state: Arc::new(state),
        spool: Arc::new(Spool::new(arguments.spool)),
        answers: CommandAnswers::default(),
        heard: Arc::new(AtomicU64::new(clock.now())),
        strangers: Strangers::default(),
    });
    let listener = TcpListener::bind(arguments.listen).await.map_err(failed("listening"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("listening for signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("listening for signals"))?;
    tokio::select! {
        () = accept(&listener, &agent) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = abandoned(&agent) => {}
    }
    Ok(())
}

/// Where the rotation of local ports begins: an agent that replaces another may have its address.
fn first_port(boot: &str) -> usize {
    usize::from_str_radix(boot.get(..4).unwrap_or_default(), 16).unwrap_or_default()
}

async fn accept(listener: &TcpListener, agent: &Arc<AgentServer>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (number, close) = agent.strangers.admit();
        let agent = Arc::clone(agent);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let agent = Arc::clone(&agent);
                async move { Ok::<_, Infallible>(agent.answer(request, number).await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_MAX);
            // A connection that breaks is its client's to make again.
            let _ = close.run_until_cancelled(builder.serve_connection(TokioIo::new(stream), service)).await;
            agent.strangers.remove(number);
        });
    }
}

async fn abandoned(agent: &AgentServer) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let silence = agent.state.clock.now().saturating_sub(agent.heard.load(Relaxed));
        if silence > saturating_ns(UNHEARD_MAX) {
            agent.state.end_load(EndLoad { abort: true });
        }
        if silence > saturating_ns(ALONE_MAX) {
            return;
        }
    }
}

impl AgentServer {
    /// `number` is that of the connection.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>, number: u64) -> HttpReply {
        let token = request.headers().get(TOKEN_HEADER).map(HeaderValue::as_bytes);
        if !token.is_some_and(|token| equal_in_constant_time(token, self.token.as_bytes())) {
            return self.json(&refused(StatusCode::FORBIDDEN, "the token is missing or wrong"));
        }
        self.strangers.remove(number);
        self.heard.store(self.state.clock.now(), Relaxed);
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/hello") => self.json(&json(&self.hello)),
            (&Method::GET, "/lines") => {
                let from = request.uri().query().and_then(|query| query.strip_prefix("from=")?.parse().ok());
                match from {
                    Some(from) => self.lines(from).await,
                    None => self.json(&refused(StatusCode::BAD_REQUEST, "expected /lines?from=NUMBER")),
                }
            }
            (&Method::POST, _) => self.command(request).await,
            _ => self.json(&refused(StatusCode::NOT_FOUND, "no such path")),
        }
    }

    async fn command(self: &Arc<Self>, request: Request<Incoming>) -> HttpReply {
        let path = request.uri().path().to_owned();
        let number = request.headers().get(CALL_HEADER).and_then(|number| number.to_str().ok()?.parse().ok());
        let Some(number) = number else {
            return self.json(&refused(StatusCode::BAD_REQUEST, "the command has no number"));
        };
        let Ok(body) = Limited::new(request.into_body(), COMMAND_MAX).collect().await else {
            return self.json(&refused(StatusCode::BAD_REQUEST, "the command is incomplete or too long"));
        };
        let (agent, bytes) = (Arc::clone(self), body.to_bytes());
        let answer = self.answers.of(number, move || agent.carry_out(path, bytes)).await;
        self.json(&answer)
    }

    fn carry_out(self: Arc<Self>, path: String, bytes: Bytes) -> BoxFuture<'static, AgentAnswer> {
        async move {
            let state = &self.state;
            match path.as_str() {
                "/mark" => json(&state.mark()),
                "/record" => with(&bytes, |entry| state.record(entry)),
                "/watch" => with(&bytes, |target| state.watch(&target)),
                "/probes" => with(&bytes, |probes| state.probes(&probes)),
                "/end" => with(&bytes, |end| state.end_load(end)),
                "/standing" => json(&state.standing().await),
                "/preflight" => match parse(&bytes) {
                    Ok(order) => result(state.preflight(order).await),
                    Err(refusal) => refusal,
                },
                "/reach" => match parse(&bytes) {
                    Ok(reach) => json(&AgentState::reach(reach).await),
                    Err(refusal) => refusal,
                },
                "/plan" => match parse(&bytes) {
                    Ok(order) => result(state.start_load(order).await),
                    Err(refusal) => refusal,
                },
                "/rights" => match parse::<Vec<_>>(&bytes) {
                    Ok(rights) => result(missing(&state.client, &rights).await.map_err(|error| error.to_string())),
                    Err(refusal) => refusal,
                },
                _ => refused(StatusCode::NOT_FOUND, "no such command"),
            }
        }
        .boxed()
    }

    fn json(&self, (status, bytes): &AgentAnswer) -> HttpReply {
        let body = Full::new(Bytes::from(bytes.clone())).map_err(|never| match never {}).boxed_unsync();
        self.reply(*status, body)
    }

    fn reply(&self, status: StatusCode, body: UnsyncBoxBody<Bytes, std::io::Error>) -> HttpReply {
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        if let Ok(boot) = HeaderValue::from_str(&self.hello.boot) {
            reply.headers_mut().insert(BOOT_HEADER, boot);
        }
        reply
    }

    /// The lines from number `from` on, and those that come, until the one who asks goes away.
    async fn lines(self: &Arc<Self>, from: u64) -> HttpReply {
        let spool = Arc::clone(&self.spool);
        let found = tokio::task::spawn_blocking(move || spool.find(from)).await;
        let place = match found {
            Ok(Ok(Some(place))) => place,
            Ok(Ok(None)) => return self.json(&refused(StatusCode::BAD_REQUEST, "this line does not exist yet")),
            Ok(Err(error)) => return self.json(&refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())),
            Err(error) => return self.json(&refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())),
        };
        let mut first = vec![b'#'];
        first.extend(json(&StreamStart { boot: self.hello.boot.clone(), from }).1);
        first.push(b'\n');
        let state = LineStream { agent: Arc::clone(self), place, first: Some(Bytes::from(first)), pause: false };
        let frames = futures_util::stream::unfold(state, |mut state| async move {
            let bytes = state.next().await?;
            Some((bytes.map(Frame::data), state))
        });
        self.reply(StatusCode::OK, BodyExt::boxed_unsync(StreamBody::new(frames)))
    }
}

struct LineStream {
    agent: Arc<AgentServer>,
    place: SpoolPosition,
    first: Option<Bytes>,
    pause: bool,
}

impl LineStream {
    async fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.pause {
            tokio::time::sleep(BATCH_EVERY).await;
        }
        // Whoever still reads is there.
        self.agent.heard.store(self.agent.state.clock.now(), Relaxed);
        let (spool, mut place) = (Arc::clone(&self.agent.spool), self.place);
        let read = tokio::task::spawn_blocking(move || spool.read(&mut place).map(|batch| (batch, place))).await;
        match read {
            Ok(Ok((batch, place))) => {
                self.place = place;
                self.pause = !batch.more;
                let mut bytes = batch.bytes;
                bytes.push(b'#');
                bytes.extend(json(&self.agent.state.live()).1);
                bytes.push(b'\n');
                Some(Ok(Bytes::from(bytes)))
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(error) => Some(Err(std::io::Error::other(error))),
        }
    }
}

/// Compares in a time that does not tell where the difference is.
fn equal_in_constant_time(given: &[u8], known: &[u8]) -> bool {
    given.len() == known.len() && given.iter().zip(known).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn json(value: &impl Serialize) -> AgentAnswer {
    match serde_json::to_vec(value) {
        Ok(bytes) => (StatusCode::OK, bytes),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn refused(status: StatusCode, why: &str) -> AgentAnswer {
    let refusal = serde_json::to_vec(&AgentRefusal { error: why.to_owned() });
    (status, refusal.unwrap_or_default())
}

fn result(done: Result<impl Serialize, String>) -> AgentAnswer {
    match done {
        Ok(value) => json(&value),
        Err(why) => refused(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AgentAnswer> {
    serde_json::from_slice(bytes).map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))
}

fn with<T: DeserializeOwned, A: Serialize>(bytes: &[u8], act: impl FnOnce(T) -> A) -> AgentAnswer {
    match parse(bytes) {
        Ok(value) => json(&act(value)),
        Err(refusal) => refusal,
    }
}

//! The driver and its agent over a connection that is cut at random: no line may be lost or duplicated, and no command carried
//! out twice. The agent is the real one, listening on loopback; only the API server between them is simulated.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use rollproof::agent::{AgentArgs, AgentError, Follower, RemoteAgent, serve};
use rollproof::clock::Clock;
use rollproof::record::Entry;
use rollproof::record::entry::{Mark, MarkName, TrialEnd};
use rollproof::record::sink::channel;
use rollproof::rng::Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// An address that only this test uses.
fn address() -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = u8::try_from(NEXT.fetch_add(1, SeqCst)).unwrap();
    SocketAddr::from(([127, high.max(1), low, own], 8_476))
}

type Carried = UnsyncBoxBody<Bytes, String>;

/// How often of a thousand the connection is cut, and what has happened.
struct Way {
    agent: SocketAddr,
    cuts: u64,
    random: Mutex<Rng>,
    cut: AtomicU64,
    /// The pod as the API shows it.
    pod: Mutex<Option<&'static str>>,
}

impl Way {
    fn draw(&self, below: usize) -> u64 {
        self.random.lock().unwrap().below(below) as u64
    }

    fn cuts(&self) -> bool {
        let cuts = self.draw(1_000) < self.cuts;
        if cuts {
            self.cut.fetch_add(1, SeqCst);
        }
        cuts
    }

    async fn carry(
        self: Arc<Self>,
        request: Request<Body>,
    ) -> Result<Response<Carried>, Box<dyn std::error::Error + Send + Sync>> {
        let path = request.uri().path_and_query().unwrap().as_str().to_owned();
        let Some((_, inner)) = path.split_once("/proxy") else {
            return Ok(self.pod());
        };
        if self.cuts() {
            return Err("cut on the way there".into());
        }
        let (head, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let stream = tokio::net::TcpStream::connect(self.agent).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut forwarded = Request::new(Full::new(bytes));
        *forwarded.method_mut() = head.method;
        *forwarded.uri_mut() = inner.parse()?;
        *forwarded.headers_mut() = head.headers;
        forwarded.headers_mut().insert("host", "agent".parse()?);
        let response = sender.send_request(forwarded).await?;
        if self.cuts() {
            return Err("cut on the way back".into());
        }
        // A stream of lines never lasts; an answer mostly comes whole.
        let streams = self.cuts > 0 && inner.starts_with("/lines");
        let cut_after = if streams || self.cuts() { self.draw(3_000) } else { u64::MAX };
        let (head, body) = response.into_parts();
        // The sender lives as long as the body does: a connection closes with it.
        let state = (body, sender, cut_after, Arc::clone(&self));
        let frames = futures_util::stream::unfold(Some(state), |state| async move {
            let (mut body, sender, left, way) = state?;
            let data = match body.frame().await? {
                Ok(frame) => frame.into_data().ok()?,
                Err(error) => return Some((Err(error.to_string()), None)),
            };
            if way.pod.lock().unwrap().is_none() {
                return Some((Err("the pod is gone".to_owned()), None));
            }
            if left < data.len() as u64 {
                let part = data.slice(..usize::try_from(left).unwrap());
                return Some((Ok(Frame::data(part)), Some((body, sender, 0, way))));
            }
            if left == 0 {
                return Some((Err("cut inside the answer".to_owned()), None));
            }
            Some((Ok(Frame::data(data.clone())), Some((body, sender, left - data.len() as u64, way))))
        });
        let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Ok(answer)
    }

    fn pod(&self) -> Response<Carried> {
        let (status, text) = match *self.pod.lock().unwrap() {
            Some(pod) => (StatusCode::OK, pod),
            None => (
                StatusCode::NOT_FOUND,
                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"gone","code":404}"#,
            ),
        };
        let mut answer = Response::new(
            Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync(),
        );
        *answer.status_mut() = status;
        answer
    }
}

const RUNNING: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"agent-1"},"status":{"phase":"Running"}}"#;

struct Stage {
    way: Arc<Way>,
    remote: RemoteAgent,
    clock: Clock,
    agent: tokio::task::JoinHandle<()>,
    _spool: tempfile::TempDir,
}

fn client_of(way: &Arc<Way>) -> kube::Client {
    let way = Arc::clone(way);
    let service = tower::service_fn(move |request: Request<Body>| {
        let way = Arc::clone(&way);
        way.carry(request).boxed()
    });
    kube::Client::new(service, "default")
}

fn nobody() -> kube::Client {
    let service = tower::service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    kube::Client::new(service, "default")
}

async fn stage(cuts: u64, seed: u64, spool_max: u64) -> Stage {
    let listen = address();
    let folder = tempfile::tempdir().unwrap();
    let arguments = AgentArgs {
        spool: folder.path().join("lines.jsonl"),
        spool_max,
        origin_unix_ns: rollproof::clock::wall_unix_ns(),
        token: "secret".to_owned(),
        listen,
    };
    let agent = tokio::spawn(async move { serve(arguments, nobody()).await.unwrap() });
    let way = Arc::new(Way {
        agent: listen,
        cuts,
        random: Mutex::new(Rng::stream(seed, "cuts")),
        cut: AtomicU64::new(0),
        pod: Mutex::new(Some(RUNNING)),
    });
    let clock = Clock::start();
    let mut remote = RemoteAgent::new(client_of(&way), clock, "ns", "agent-1", "secret");
    remote.greet(Duration::from_secs(20)).await.unwrap();
    Stage { way, remote, clock, agent, _spool: folder }
}

fn entry(number: u32) -> Entry {
    let detail = "x".repeat(usize::try_from(number % 97).unwrap());
    Entry::Mark(Mark {
        trial: 1,
        name: MarkName::RolloutStep,
        before_ns: number.into(),
        after_ns: number.into(),
        detail,
    })
}

fn end(trial: u32) -> Entry {
    let planned = std::collections::BTreeMap::new();
    Entry::TrialEnd(TrialEnd {
        at_ns: 0,
        trial,
        complete: true,
        reason: String::new(),
        reset: false,
        trouble: String::new(),
        planned,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_however_the_way_is_cut() {
    for seed in 1..=2 {
        let stage = stage(150, seed, 10_000_000).await;
        let (sink, source) = channel(64);
        let follower = Follower::start(stage.remote.clone(), sink);
        let reading = std::thread::spawn(move || std::iter::from_fn(|| source.recv()).collect::<Vec<Entry>>());
        let sent: Vec<Entry> = (0..40).map(entry).chain([end(1)]).collect();
        for entry in &sent {
            stage.remote.record(entry).await.unwrap();
        }
        follower.until_trial_end(1, Duration::from_mins(1)).await.unwrap();
        let seen = follower.now();
        follower.stop().await;
        assert_eq!(reading.join().unwrap(), sent, "seed {seed}");
        assert!(seen.connections > 1, "seed {seed}: the stream was never cut");
        assert!(stage.way.cut.load(SeqCst) > 5, "seed {seed}: hardly anything was cut");
        stage.agent.abort();
    }
}

/// A repeated trial has a higher number than those that come after it.
#[tokio::test]
async fn a_trials_end_is_awaited_also_after_a_trial_of_a_higher_number() {
    let stage = stage(0, 1, 10_000_000).await;
    let (sink, _source) = channel(64);
    let follower = Follower::start(stage.remote.clone(), sink);
    stage.remote.record(&end(5)).await.unwrap();
    follower.until_trial_end(5, Duration::from_secs(30)).await.unwrap();
    let early = follower.until_trial_end(2, Duration::from_millis(600)).await;
    assert!(early.is_err(), "trial 2 has not ended yet");
    stage.remote.record(&end(2)).await.unwrap();
    follower.until_trial_end(2, Duration::from_secs(30)).await.unwrap();
    stage.agent.abort();
}

#[tokio::test]
async fn an_agent_whose_pod_is_deleted_is_gone_and_says_so() {
    let stage = stage(0, 1, 10_000_000).await;
    let (sink, _source) = channel(64);
    let follower = Follower::start(stage.remote.clone(), sink);
    stage.remote.record(&entry(1)).await.unwrap();
    *stage.way.pod.lock().unwrap() = None;
    stage.agent.abort();
    let error = follower.until_trial_end(1, Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(error, AgentError::Gone { .. }) && error.to_string().contains("deleted"), "{error}");
    let error = stage.remote.mark().await.unwrap_err();
    assert!(matches!(error, AgentError::Gone { .. }), "{error}");
}

#[tokio::test]
async fn a_full_spool_ends_the_waiting_with_its_reason() {
    let stage = stage(0, 1, 2_000).await;
    let (sink, _source) = channel(1_000);
    let follower = Follower::start(stage.remote.clone(), sink);
    for number in 0..50 {
        stage.remote.record(&entry(number)).await.unwrap();
    }
    stage.remote.record(&end(1)).await.unwrap();
    let error = follower.until_trial_end(1, Duration::from_secs(30)).await.unwrap_err();
    assert!(error.to_string().contains("the spool holds"), "{error}");
    assert!(follower.now().lines > 0, "what was spooled until then came");
    stage.agent.abort();
}

#[tokio::test]
async fn whoever_has_not_the_token_is_refused() {
    let stage = stage(0, 1, 10_000).await;
    for token in ["", "secre", "secret2", "Secret"] {
        let stranger = RemoteAgent::new(client_of(&stage.way), stage.clock, "ns", "agent-1", token);
        let error = stranger.mark().await.unwrap_err();
        assert!(error.to_string().contains("token"), "{token:?}: {error}");
    }
    stage.agent.abort();
}

/// A request that never ends, without the token.
const UNFINISHED: &[u8] = b"GET /hello HTTP/1.1\r\nHost: agent\r\nX-Slow: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_floods_the_agent_with_unfinished_requests_does_not_keep_its_driver_out() {
    let mut stage = stage(0, 1, 10_000_000).await;
    let (sink, source) = channel(64);
    // A stream of lines that is open before and stays.
    let follower = Follower::start(stage.remote.clone(), sink);
    stage.remote.record(&end(2)).await.unwrap();
    follower.until_trial_end(2, Duration::from_secs(30)).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..300 {
        let mut stream = tokio::net::TcpStream::connect(stage.way.agent).await.unwrap();
        let _ = stream.write_all(UNFINISHED).await;
        flood.push(stream);
    }
    stage.remote.greet(Duration::from_secs(20)).await.unwrap();
    stage.remote.mark().await.unwrap();
    stage.remote.record(&end(1)).await.unwrap();
    follower.until_trial_end(1, Duration::from_secs(30)).await.unwrap();
    assert_eq!(follower.now().connections, 1, "the stream that was open is none of the strangers");
    follower.stop().await;
    drop(source);
    let mut held = 0;
    for stream in &mut flood {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
        held += u32::from(read.is_err());
    }
    assert!(held <= 64, "{held} connections of strangers are held");
    // And those are closed, because their requests do not end.
    let last = flood.last_mut().unwrap();
    let mut byte = [0];
    let closed = tokio::time::timeout(Duration::from_secs(30), last.read(&mut byte)).await;
    assert!(closed.is_ok(), "an unfinished request is held for ever");
    stage.agent.abort();
}

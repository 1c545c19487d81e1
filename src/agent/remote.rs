//! The driver's side: commands to the agent, through the API server's proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::AsyncBufRead;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::agent_access::AgentRight;
use super::agent_error::AgentError;
use super::wire::{
    AgentHello, AgentRefusal, BOOT_HEADER, CALL_HEADER, ClockReading, EndLoad, LoadOrder, LoadState, PORT, ProbeSwitch,
    ReachOrder, ReachResult, TOKEN_HEADER,
};
use crate::clock::{Clock, Stamp, saturating_ns};
use crate::load::{LoadPlan, Preflight};
use crate::observe::ObservedWorkload;
use crate::record::{Arm, Entry};

/// How long one try of a command may take.
const TRY: Duration = Duration::from_secs(10);
/// How long an unreachable agent is tried, before it counts as gone: an API server may be restarted meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const GREET_POLL: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_millis(250);
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// One life of the agent. Clones command the same one.
#[derive(Clone)]
pub struct RemoteAgent {
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) token: Arc<str>,
    /// The agent's life; empty until it has said hello.
    pub(super) boot: Arc<str>,
    pub(super) calls: Arc<AtomicU64>,
}

impl std::fmt::Debug for RemoteAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteAgent")
            .field("namespace", &self.namespace)
            .field("pod", &self.pod)
            .finish_non_exhaustive()
    }
}

enum CallResult<A> {
    Answered(A),
    Refused(String),
    /// Another life answers.
    OtherLife,
    /// The API server, or the way behind it, answered in the agent's place.
    Failed(String),
}

impl RemoteAgent {
    /// The agent in `pod`, reached through `client`. Its life becomes known with [`Self::greet`].
    #[must_use]
    pub fn new(client: Client, clock: Clock, namespace: &str, pod: &str, token: &str) -> Self {
        Self {
            client,
            clock,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            token: token.into(),
            boot: "".into(),
            calls: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Waits for the first answer, and from then on speaks to that life of the agent only. Returns its version.
    pub async fn greet(&mut self, within: Duration) -> Result<String, String> {
        let begun = self.clock.now();
        loop {
            let why = match self.hello().await {
                Ok(hello) => {
                    self.boot = hello.boot.into();
                    return Ok(hello.version);
                }
                Err(why) => why,
            };
            if self.clock.now().saturating_sub(begun) > saturating_ns(within) {
                return Err(format!("no answer within {} s: {why}", within.as_secs()));
            }
            tokio::time::sleep(GREET_POLL).await;
        }
    }

    /// A moment on the agent's clock, taken while this is awaited.
    pub async fn mark(&self) -> Result<Stamp, AgentError> {
        let moment: ClockReading = self.command("taking a mark", "/mark", &()).await?;
        Ok(moment.at_ns)
    }

    /// A clock of this process that shows what the agent's shows, and how far it may be ahead: never behind, so that what it stamps has
    /// come at that stamp or earlier.
    pub async fn clock_beside(&self) -> Result<(Clock, Duration), AgentError> {
        const READINGS: u32 = 10;
        let mut best: Option<(Clock, u64)> = None;
        for _ in 0..READINGS {
            let asked = self.clock.now();
            let shown = self.mark().await?;
            let took = self.clock.now().saturating_sub(asked);
            // It was read at some moment of the question's way; taken for the first, the clock runs ahead by what the way took.
            if best.is_none_or(|(_, least)| took < least) {
                best = Some((Clock::showing(shown.saturating_add(took)), took));
            }
        }
        let (clock, ahead) = best.unwrap_or((self.clock, 0));
        Ok((clock, Duration::from_nanos(ahead)))
    }

    /// Puts `entry` into the spool, behind what is there.
    pub async fn record(&self, entry: &Entry) -> Result<(), AgentError> {
        self.command("recording a step", "/record", entry).await
    }

    /// Starts to watch a namespace.
    pub async fn watch(&self, target: &ObservedWorkload) -> Result<(), AgentError> {
        self.command("starting the watches", "/watch", target).await
    }

    /// Starts or ends the side probes of a namespace's present pods.
    pub async fn probes(&self, namespace: &str, on: bool) -> Result<(), AgentError> {
        let probes = ProbeSwitch { namespace: namespace.to_owned(), on };
        self.command("switching the side probes", "/probes", &probes).await
    }

    /// One request of each kind.
    pub async fn preflight(&self, plan: &LoadPlan, address: SocketAddr) -> Result<Vec<Preflight>, AgentError> {
        // One after the other, each for as long as it may take.
        let patience = PATIENCE + plan.spec.timeout * u32::try_from(plan.spec.requests.len()).unwrap_or(u32::MAX);
        self.command_within(
            "sending the first requests",
            "/preflight",
            &LoadOrder { address, plan: plan.clone() },
            patience,
        )
        .await
    }

    /// Makes `tries` connections to `address` and closes them; why the first one without an answer failed.
    pub async fn reach(&self, address: SocketAddr, tries: usize) -> Result<Option<String>, AgentError> {
        let answer: ReachResult =
            self.command("connecting to the Service", "/reach", &ReachOrder { address, tries }).await?;
        Ok(answer.why)
    }

    pub(crate) async fn start_load(&self, plan: &LoadPlan, address: SocketAddr) -> Result<(), AgentError> {
        self.command("starting the load", "/plan", &LoadOrder { address, plan: plan.clone() }).await
    }

    /// Ends the load: no more attempts are planned, and with `abort` none is awaited.
    pub(crate) async fn end_load(&self, abort: bool) -> Result<(), AgentError> {
        self.command("ending the load", "/end", &EndLoad { abort }).await
    }

    /// Waits until the load has ended; the attempts planned by each arm.
    pub(crate) async fn await_load(&self) -> Result<std::collections::BTreeMap<Arm, u64>, AgentError> {
        loop {
            match self.command("awaiting the load's end", "/standing", &()).await? {
                LoadState::Running => {}
                LoadState::Ended(planned) => return Ok(planned),
                LoadState::Failed(why) => {
                    return Err(AgentError::Refused { doing: "carrying the load".to_owned(), why });
                }
            }
        }
    }

    /// Those of `rights` that the agent does not have.
    pub(crate) async fn missing_rights(&self, rights: &[AgentRight]) -> Result<Vec<AgentRight>, AgentError> {
        self.command("asking for the agent's rights", "/rights", &rights).await
    }

    async fn command<A: DeserializeOwned>(
        &self,
        doing: &str,
        path: &str,
        body: &(impl Serialize + Sync + ?Sized),
    ) -> Result<A, AgentError> {
        self.command_within(doing, path, body, PATIENCE).await
    }

    async fn command_within<A: DeserializeOwned>(
        &self,
        doing: &str,
        path: &str,
        body: &(impl Serialize + Sync + ?Sized),
        patience: Duration,
    ) -> Result<A, AgentError> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| AgentError::Refused { doing: doing.to_owned(), why: error.to_string() })?;
        let number = self.calls.fetch_add(1, Relaxed);
        let begun = self.clock.now();
        loop {
            let tried = tokio::time::timeout(TRY, self.attempt(Method::POST, path, Some(number), bytes.clone())).await;
            let why = match tried {
                Ok(CallResult::Answered(answer)) => return Ok(answer),
                Ok(CallResult::Refused(why)) => return Err(AgentError::Refused { doing: doing.to_owned(), why }),
                Ok(CallResult::OtherLife) => return Err(self.gone(doing, "it was restarted")),
                Ok(CallResult::Failed(why)) => why,
                Err(_) => format!("no answer within {} s", TRY.as_secs()),
            };
            self.wait_for_retry(doing, begun, patience, why).await?;
        }
    }

    /// Waits before the next try, unless the agent is gone or was unreachable for too long.
    pub(super) async fn wait_for_retry(
        &self,
        doing: &str,
        begun: Stamp,
        patience: Duration,
        why: String,
    ) -> Result<(), AgentError> {
        if let Some(end) = self.end().await {
            return Err(self.gone(doing, &end));
        }
        if self.clock.now().saturating_sub(begun) > saturating_ns(patience) {
            return Err(AgentError::Unreachable { doing: doing.to_owned(), waited_s: patience.as_secs(), why });
        }
        tokio::time::sleep(RETRY).await;
        Ok(())
    }

    fn gone(&self, doing: &str, why: &str) -> AgentError {
        AgentError::Gone {
            doing: doing.to_owned(),
            why: format!("pod {} in namespace {}: {why}", self.pod, self.namespace),
        }
    }

    /// Why the agent's pod is at its end; `None` while it is not, or while nobody can say.
    async fn end(&self) -> Option<String> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        match tokio::time::timeout(TRY, pods.get_opt(&self.pod)).await {
            Ok(Ok(None)) => Some("it was deleted".to_owned()),
            Ok(Ok(Some(pod))) => end_of(&pod),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    async fn hello(&self) -> Result<AgentHello, String> {
        match tokio::time::timeout(TRY, self.attempt(Method::GET, "/hello", None, Vec::new())).await {
            Ok(CallResult::Answered(hello)) => Ok(hello),
            Ok(CallResult::Refused(why) | CallResult::Failed(why)) => Err(why),
            Ok(CallResult::OtherLife) => Err("another life answers".to_owned()),
            Err(_) => Err(format!("no answer within {} s", TRY.as_secs())),
        }
    }

    pub(super) async fn lines(&self, from: u64) -> Result<impl AsyncBufRead + use<>, String> {
        let request = self.request(Method::GET, &format!("/lines?from={from}"), None, Vec::new())?;
        self.client.request_stream(request).await.map_err(|error| error.to_string())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        number: Option<u64>,
        body: Vec<u8>,
    ) -> Result<Request<Vec<u8>>, String> {
        let Self { namespace, pod, token, .. } = self;
        let uri = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{PORT}/proxy{path}");
        let mut request = Request::builder().method(method).uri(uri).header(TOKEN_HEADER, &**token);
        if let Some(number) = number {
            request = request.header(CALL_HEADER, number);
        }
        request.header(http::header::CONTENT_TYPE, "application/json").body(body).map_err(|error| error.to_string())
    }

    async fn attempt<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        number: Option<u64>,
        body: Vec<u8>,
    ) -> CallResult<A> {
        let request = match self.request(method, path, number, body) {
            Ok(request) => request.map(kube::client::Body::from),
            Err(why) => return CallResult::Failed(why),
        };
        let response = match self.client.send(request).await {
            Ok(response) => response,
            Err(error) => return CallResult::Failed(error.to_string()),
        };
        let (head, body) = response.into_parts();
        let bytes = match Limited::new(body, ANSWER_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return CallResult::Failed(format!("the answer was cut: {error}")),
        };
        let Some(boot) = head.headers.get(BOOT_HEADER) else {
            return CallResult::Failed(api_message(head.status, &bytes));
        };
        if !self.boot.is_empty() && boot.as_bytes() != self.boot.as_bytes() {
            return CallResult::OtherLife;
        }
        if head.status == StatusCode::OK {
            return serde_json::from_slice(&bytes).map_or_else(
                |error| CallResult::Failed(format!("the answer is not what this version expects: {error}")),
                CallResult::Answered,
            );
        }
        let refusal = serde_json::from_slice::<AgentRefusal>(&bytes);
        CallResult::Refused(refusal.map_or_else(|_| format!("status {}", head.status), |refusal| refusal.error))
    }
}

/// What the API server said in the agent's place.
fn api_message(status: StatusCode, bytes: &[u8]) -> String {
    let text = serde_json::from_slice::<serde_json::Value>(bytes)
        .ok()
        .and_then(|value| value.get("message").and_then(|message| message.as_str().map(str::to_owned)))
        .unwrap_or_else(|| String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned());
    format!("{text} ({})", status.as_u16())
}

/// Why a pod runs no more, or soon will not; `None` while it runs or is about to.
pub(super) fn end_of(pod: &Pod) -> Option<String> {
    let status = pod.status.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    let deleted = pod.metadata.deletion_timestamp.is_some();
    if !deleted && phase != "Failed" && phase != "Succeeded" {
        return None;
    }
    let mut words = vec![if deleted { "it is being deleted".to_owned() } else { format!("its phase is {phase}") }];
    words.extend([status.reason, status.message].into_iter().flatten());
    for container in status.container_statuses.unwrap_or_default() {
        if let Some(end) = container.state.and_then(|state| state.terminated) {
            words.push(format!("exit code {}", end.exit_code));
            words.extend([end.reason, end.message].into_iter().flatten());
        }
    }
    Some(words.join(", "))
}

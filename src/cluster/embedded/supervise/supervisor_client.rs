//! The node's side of a supervisor: starts one, sends requests, and hands each report to who waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

use super::ARGUMENT;
use super::isolation::Isolation;
use super::protocol::{MAIN, ProcessEnd, ProcessSpawn, SupervisorReport, SupervisorRequest};

/// How long a supervisor without its guard may take to end what it supervises.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// What can go wrong with a supervised process. Each message is a whole sentence.
#[derive(Debug, Error)]
pub enum SuperviseError {
    /// The supervisor itself could not be started.
    #[error("cannot start the supervisor {path}: {source}; rollproof runs itself for this and needs to be executable")]
    Start {
        /// The executable.
        path: PathBuf,
        /// The machine's reason.
        source: io::Error,
    },
    /// The process could not be started.
    #[error("cannot start a container process: {0}")]
    Spawn(String),
    /// The supervisor is gone, with everything below it.
    #[error("cannot reach the container: it has ended")]
    Gone,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEnd {
    /// With its main process.
    Main(ProcessEnd),
    /// It was killed, because its supervisor or its guard was: that is no doing of what runs in it, and the harness's
    /// own trouble.
    Lost,
}

impl ContainerEnd {
    /// The exit code as container runtimes report it.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Main(end) => end.exit_code(),
            Self::Lost => ProcessEnd::Signal(nix::sys::signal::Signal::SIGKILL as i32).exit_code(),
        }
    }
}

/// Follows the end of a container: nothing until it and everything in it is gone.
pub(super) type EndWatch = watch::Receiver<Option<ContainerEnd>>;

/// The way to a supervisor; it ends the container when it is closed.
type SupervisorInput = tokio::sync::Mutex<Option<ChildStdin>>;

/// A process executed beside the main process, when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    pub end: ProcessEnd,
    /// The start of what it wrote.
    pub output: String,
}

#[derive(Debug, Default)]
struct WaitingCalls {
    /// The supervisor has ended: nobody will answer any more.
    gone: bool,
    next_id: u64,
    starts: BTreeMap<u64, oneshot::Sender<Result<i32, String>>>,
    exits: BTreeMap<u64, oneshot::Sender<ExecResult>>,
    signals: VecDeque<oneshot::Sender<bool>>,
}

/// One container's supervisor. Dropping it ends the container and everything in it.
#[derive(Debug)]
pub struct Supervisor {
    guard: i32,
    input: Arc<SupervisorInput>,
    waiting: Arc<Mutex<WaitingCalls>>,
    ended: EndWatch,
}

impl Supervisor {
    /// Starts guard and supervisor, in a process group of their own, so that a terminal's Ctrl-C does not reach them.
    /// `executable` is this program.
    pub fn start(executable: &Path, isolation: Isolation) -> Result<Self, SuperviseError> {
        let fail = |source| SuperviseError::Start { path: executable.to_path_buf(), source };
        let mut child = Command::new(executable)
            .args([ARGUMENT, "guard", isolation.argument()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        let guard = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| fail(io::Error::other("its pipes are missing")))?;
        let waiting = Arc::new(Mutex::new(WaitingCalls { next_id: MAIN + 1, ..WaitingCalls::default() }));
        let (announce, ended) = watch::channel(None);
        let input = Arc::new(SupervisorInput::new(Some(input)));
        tokio::spawn(listen(child, output, Arc::downgrade(&input), Arc::clone(&waiting), announce));
        Ok(Self { guard, input, waiting, ended })
    }

    /// The guard's process id; the supervisor is its child.
    #[must_use]
    pub fn guard(&self) -> i32 {
        self.guard
    }

    /// Starts the main process and gives its process id. Its output goes to `log`.
    pub async fn start_main(&self, spawn: ProcessSpawn) -> Result<i32, SuperviseError> {
        self.spawn(ProcessSpawn { id: MAIN, ..spawn }).await
    }

    /// Executes a command beside the main process, waits for its end, and kills it at `limit`, in which case there is
    /// no result.
    pub async fn exec(
        &self,
        spawn: ProcessSpawn,
        limit: std::time::Duration,
    ) -> Result<Option<ExecResult>, SuperviseError> {
        let (tell, exit) = oneshot::channel();
        let id = {
            let mut waiting = self.waiting()?;
            let id = waiting.next_id;
            waiting.next_id += 1;
            waiting.exits.insert(id, tell);
            id
        };
        let run = async {
            self.spawn(ProcessSpawn { id, log: None, ..spawn }).await?;
            exit.await.map_err(|_| SuperviseError::Gone)
        };
        match tokio::time::timeout(limit, run).await {
            Ok(result) => result.map(Some),
            Err(_) => self.send(&SupervisorRequest::KillExec { id }).await.map(|()| None),
        }
    }

    /// Sends a signal to the main process; whether it was delivered under the rule for PID 1.
    pub async fn signal(&self, signal: i32) -> Result<bool, SuperviseError> {
        let (tell, told) = oneshot::channel();
        {
            // The queue's order is the requests' order, so both change under the input's lock.
            let mut input = self.input.lock().await;
            self.waiting()?.signals.push_back(tell);
            write(&mut input, &SupervisorRequest::Signal { signal }).await?;
        }
        told.await.map_err(|_| SuperviseError::Gone)
    }

    /// SIGKILLs the main process, and with it everything else in the container.
    pub async fn kill(&self) -> Result<(), SuperviseError> {
        self.send(&SupervisorRequest::Kill {}).await
    }

    /// The end of the main process, once it and all its descendants are gone.
    #[must_use]
    pub fn ended(&self) -> EndWatch {
        self.ended.clone()
    }

    fn waiting(&self) -> Result<MutexGuard<'_, WaitingCalls>, SuperviseError> {
        let waiting = lock(&self.waiting);
        if waiting.gone { Err(SuperviseError::Gone) } else { Ok(waiting) }
    }

    async fn spawn(&self, spawn: ProcessSpawn) -> Result<i32, SuperviseError> {
        let (tell, told) = oneshot::channel();
        self.waiting()?.starts.insert(spawn.id, tell);
        self.send(&SupervisorRequest::Spawn(spawn)).await?;
        told.await.map_err(|_| SuperviseError::Gone)?.map_err(SuperviseError::Spawn)
    }

    async fn send(&self, request: &SupervisorRequest) -> Result<(), SuperviseError> {
        write(&mut *self.input.lock().await, request).await
    }
}

async fn write(input: &mut Option<ChildStdin>, request: &SupervisorRequest) -> Result<(), SuperviseError> {
    let Some(input) = input else { return Err(SuperviseError::Gone) };
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    input.write_all(&line).await.map_err(|_| SuperviseError::Gone)
}

/// Hands reports over until the container is gone, and announces how it ended.
async fn listen(
    mut guard: Child,
    output: ChildStdout,
    input: Weak<SupervisorInput>,
    waiting: Arc<Mutex<WaitingCalls>>,
    announce: watch::Sender<Option<ContainerEnd>>,
) {
    let mut lines = BufReader::new(output).lines();
    let first = tokio::select! {
        biased;
        end = reports(&mut lines, &waiting) => end,
        _ = guard.wait() => None,
    };
    // A supervisor whose guard was killed still runs, or its last words are still in the pipe.
    let dropped = input.upgrade().is_none();
    if let Some(input) = input.upgrade() {
        drop(input.lock().await.take());
    }
    let last = match first {
        Some(end) => Some(end),
        None => tokio::time::timeout(ENDS_WITHIN, reports(&mut lines, &waiting)).await.unwrap_or_default(),
    };
    *lock(&waiting) = WaitingCalls { gone: true, ..WaitingCalls::default() };
    let _ = guard.wait().await;
    let ended = match last {
        Some(end) => ContainerEnd::Main(end),
        // It was let go, and killed itself for that.
        None if dropped => ContainerEnd::Main(ProcessEnd::Signal(nix::sys::signal::Signal::SIGKILL as i32)),
        None => ContainerEnd::Lost,
    };
    announce.send_replace(Some(ended));
}

/// Hands reports over until the main process has ended; `None` if no more come before that.
async fn reports(lines: &mut Lines<BufReader<ChildStdout>>, waiting: &Mutex<WaitingCalls>) -> Option<ProcessEnd> {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(report) = serde_json::from_str::<SupervisorReport>(&line) else { break };
        if let SupervisorReport::Exited { id: MAIN, end, .. } = report {
            return Some(end);
        }
        hand_over(report, &mut lock(waiting));
    }
    None
}

fn hand_over(report: SupervisorReport, waiting: &mut WaitingCalls) {
    match report {
        SupervisorReport::Started { id, pid } => {
            if let Some(tell) = waiting.starts.remove(&id) {
                let _ = tell.send(Ok(pid));
            }
        }
        SupervisorReport::Failed { id, error } => {
            waiting.exits.remove(&id);
            if let Some(tell) = waiting.starts.remove(&id) {
                let _ = tell.send(Err(error));
            }
        }
        SupervisorReport::Signalled { delivered, .. } => {
            if let Some(tell) = waiting.signals.pop_front() {
                let _ = tell.send(delivered);
            }
        }
        SupervisorReport::Exited { id, end, output } => {
            if let Some(tell) = waiting.exits.remove(&id) {
                let _ = tell.send(ExecResult { end, output });
            }
        }
    }
}

/// Nothing panics while holding this lock, so a poisoned one is still whole.
fn lock(waiting: &Mutex<WaitingCalls>) -> MutexGuard<'_, WaitingCalls> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The node's side of a supervisor: starts one, sends requests, and hands each report to who waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

use super::protocol::{End, MAIN, Report, Request, Spawn};

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

/// Follows the end of the main process: nothing until then.
pub type Watch = watch::Receiver<Option<End>>;

/// A process executed beside the main process, when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// How it ended.
    pub end: End,
    /// The start of what it wrote.
    pub output: String,
}

#[derive(Debug, Default)]
struct Waiting {
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
    input: tokio::sync::Mutex<ChildStdin>,
    waiting: Arc<Mutex<Waiting>>,
    ended: Watch,
}

impl Supervisor {
    /// Starts `executable supervise` in a process group of its own, so that a terminal's Ctrl-C does not reach it.
    pub fn start(executable: &Path) -> Result<Self, SuperviseError> {
        let fail = |source| SuperviseError::Start { path: executable.to_path_buf(), source };
        let mut child = Command::new(executable)
            .arg("supervise")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| fail(io::Error::other("its pipes are missing")))?;
        let waiting = Arc::new(Mutex::new(Waiting { next_id: MAIN + 1, ..Waiting::default() }));
        let (announce, ended) = watch::channel(None);
        tokio::spawn(listen(child, output, Arc::clone(&waiting), announce));
        Ok(Self { input: tokio::sync::Mutex::new(input), waiting, ended })
    }

    /// Starts the main process and gives its process id. Its output goes to `log`.
    pub async fn start_main(&self, spawn: Spawn) -> Result<i32, SuperviseError> {
        self.spawn(Spawn { id: MAIN, ..spawn }).await
    }

    /// Executes a command beside the main process, waits for its end, and kills it at `limit`, in which case there is
    /// no result.
    pub async fn exec(&self, spawn: Spawn, limit: std::time::Duration) -> Result<Option<ExecResult>, SuperviseError> {
        let (tell, exit) = oneshot::channel();
        let id = {
            let mut waiting = self.waiting()?;
            let id = waiting.next_id;
            waiting.next_id += 1;
            waiting.exits.insert(id, tell);
            id
        };
        let run = async {
            self.spawn(Spawn { id, log: None, ..spawn }).await?;
            exit.await.map_err(|_| SuperviseError::Gone)
        };
        match tokio::time::timeout(limit, run).await {
            Ok(result) => result.map(Some),
            Err(_) => self.send(&Request::KillExec { id }).await.map(|()| None),
        }
    }

    /// Sends a signal to the main process; whether it was delivered under the rule for PID 1.
    pub async fn signal(&self, signal: i32) -> Result<bool, SuperviseError> {
        let (tell, told) = oneshot::channel();
        {
            // The queue's order is the requests' order, so both change under the input's lock.
            let mut input = self.input.lock().await;
            self.waiting()?.signals.push_back(tell);
            write(&mut input, &Request::Signal { signal }).await?;
        }
        told.await.map_err(|_| SuperviseError::Gone)
    }

    /// SIGKILLs the main process, and with it everything else in the container.
    pub async fn kill(&self) -> Result<(), SuperviseError> {
        self.send(&Request::Kill {}).await
    }

    /// The end of the main process, once it and all its descendants are gone.
    #[must_use]
    pub fn ended(&self) -> Watch {
        self.ended.clone()
    }

    fn waiting(&self) -> Result<MutexGuard<'_, Waiting>, SuperviseError> {
        let waiting = lock(&self.waiting);
        if waiting.gone { Err(SuperviseError::Gone) } else { Ok(waiting) }
    }

    async fn spawn(&self, spawn: Spawn) -> Result<i32, SuperviseError> {
        let (tell, told) = oneshot::channel();
        self.waiting()?.starts.insert(spawn.id, tell);
        self.send(&Request::Spawn(spawn)).await?;
        told.await.map_err(|_| SuperviseError::Gone)?.map_err(SuperviseError::Spawn)
    }

    async fn send(&self, request: &Request) -> Result<(), SuperviseError> {
        write(&mut *self.input.lock().await, request).await
    }
}

async fn write(input: &mut ChildStdin, request: &Request) -> Result<(), SuperviseError> {
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    input.write_all(&line).await.map_err(|_| SuperviseError::Gone)
}

/// Reads reports until the supervisor is gone. However that comes about, the container has then ended: without a
/// report of its main process it was killed.
async fn listen(
    mut child: Child,
    output: ChildStdout,
    waiting: Arc<Mutex<Waiting>>,
    ended: watch::Sender<Option<End>>,
) {
    let mut lines = BufReader::new(output).lines();
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(report) = serde_json::from_str::<Report>(&line) else { break };
        if let Report::Exited { id: MAIN, end, .. } = report {
            last = Some(end);
            break;
        }
        hand_over(report, &mut lock(&waiting));
    }
    *lock(&waiting) = Waiting { gone: true, ..Waiting::default() };
    let _ = child.wait().await;
    ended.send_replace(Some(last.unwrap_or(End::Signal(nix::sys::signal::Signal::SIGKILL as i32))));
}

fn hand_over(report: Report, waiting: &mut Waiting) {
    match report {
        Report::Started { id, pid } => {
            if let Some(tell) = waiting.starts.remove(&id) {
                let _ = tell.send(Ok(pid));
            }
        }
        Report::Failed { id, error } => {
            waiting.exits.remove(&id);
            if let Some(tell) = waiting.starts.remove(&id) {
                let _ = tell.send(Err(error));
            }
        }
        Report::Signalled { delivered, .. } => {
            if let Some(tell) = waiting.signals.pop_front() {
                let _ = tell.send(delivered);
            }
        }
        Report::Exited { id, end, output } => {
            if let Some(tell) = waiting.exits.remove(&id) {
                let _ = tell.send(ExecResult { end, output });
            }
        }
    }
}

/// Nothing panics while holding this lock, so a poisoned one is still whole.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

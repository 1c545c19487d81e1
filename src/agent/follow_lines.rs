//! Follows the agent's lines into the driver's record, over as many connections as it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::agent_error::AgentError;
use super::lines::{AgentLine, LineSplitter};
use super::remote::{PATIENCE, RemoteAgent};
use super::wire::{AgentCounters, StreamStart};
use crate::clock::Stamp;
use crate::record::{Entry, Sink};

/// The agent sends something four times a second; a connection that is silent for so long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long the record's writer is given before it is asked again to take a line.
const WRITER_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Default)]
pub struct FollowProgress {
    pub lines: u64,
    /// The trials whose end has come: not always in the order of their numbers.
    pub ended: BTreeSet<u32>,
    pub live: AgentCounters,
    /// Connections that were needed.
    pub connections: u64,
    /// Why nothing more comes.
    pub over: Option<AgentError>,
}

/// A follower. Dropping it ends it.
#[derive(Debug)]
pub struct Follower {
    task: JoinHandle<()>,
    seen: watch::Receiver<FollowProgress>,
}

impl Follower {
    /// Follows `remote` from its first line on, and passes every line on to `sink`, waiting while that is full.
    #[must_use]
    pub fn start(remote: RemoteAgent, sink: Sink) -> Self {
        let (tell, seen) = watch::channel(FollowProgress::default());
        let task = tokio::spawn(async move {
            let mut follow = FollowTask { lines: LineSplitter::default(), sink, tell };
            let error = follow.all(&remote).await;
            follow.tell.send_modify(|seen| seen.over = Some(error));
        });
        Self { task, seen }
    }

    /// What has been followed so far.
    #[must_use]
    pub fn now(&self) -> FollowProgress {
        self.seen.borrow().clone()
    }

    /// Waits until the end of `trial` has been passed on.
    pub async fn until_trial_end(&self, trial: u32, within: Duration) -> Result<(), AgentError> {
        let mut seen = self.seen.clone();
        let come =
            |seen: &FollowProgress| seen.ended.contains(&trial) || seen.over.is_some() || seen.live.failure.is_some();
        let doing = || "following the agent's lines".to_owned();
        let waited = tokio::time::timeout(within, seen.wait_for(come)).await;
        let seen = match waited {
            Ok(Ok(seen)) => seen.clone(),
            Ok(Err(_)) => return Err(AgentError::Gone { doing: doing(), why: "the follower ended".to_owned() }),
            Err(_) => {
                let why = format!("the end of trial {trial} did not come");
                return Err(AgentError::Unreachable { doing: doing(), waited_s: within.as_secs(), why });
            }
        };
        if seen.ended.contains(&trial) {
            return Ok(());
        }
        // It records no more, so that nothing that it sees from now on is known: as good as gone.
        let spool = seen.live.failure.map(|why| AgentError::Gone { doing: doing(), why });
        Err(seen.over.or(spool).unwrap_or(AgentError::Gone { doing: doing(), why: "it sent nothing more".to_owned() }))
    }

    /// Ends it.
    pub async fn stop(self) {
        self.task.abort();
        // It ends at its next await; the sink that it holds must be gone before the record can be closed.
        let mut seen = self.seen.clone();
        while seen.changed().await.is_ok() {}
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct FollowTask {
    lines: LineSplitter,
    sink: Sink,
    tell: watch::Sender<FollowProgress>,
}

impl FollowTask {
    /// Follows until the agent is gone, and says why.
    async fn all(&mut self, remote: &RemoteAgent) -> AgentError {
        const DOING: &str = "following the agent's lines";
        let mut heard: Stamp = remote.clock.now();
        loop {
            self.lines.resume();
            self.tell.send_modify(|seen| seen.connections += 1);
            let connected = tokio::time::timeout(SILENCE_MAX, remote.lines(self.lines.next())).await;
            let why = match connected {
                Ok(Ok(stream)) => match self.connection(remote, stream, &mut heard).await {
                    Ok(why) => why,
                    Err(error) => return error,
                },
                Ok(Err(why)) => why,
                Err(_) => format!("no answer within {} s", SILENCE_MAX.as_secs()),
            };
            if let Err(error) = remote.wait_for_retry(DOING, heard, PATIENCE, why).await {
                return error;
            }
        }
    }

    /// Follows one connection to its end; why it ended.
    async fn connection(
        &mut self,
        remote: &RemoteAgent,
        stream: impl AsyncBufRead,
        heard: &mut Stamp,
    ) -> Result<String, AgentError> {
        let mut stream = std::pin::pin!(stream);
        let mut greeted = false;
        loop {
            let read = tokio::time::timeout(SILENCE_MAX, stream.fill_buf()).await;
            let bytes = match read {
                Ok(Ok([])) => return Ok("the stream ended".to_owned()),
                Ok(Ok(bytes)) => bytes,
                Ok(Err(error)) => return Ok(error.to_string()),
                Err(_) => return Ok(format!("nothing came for {} s", SILENCE_MAX.as_secs())),
            };
            let length = bytes.len();
            let lines = self.lines.push(bytes).map_err(protocol)?;
            stream.as_mut().consume(length);
            *heard = remote.clock.now();
            for line in lines {
                match line {
                    AgentLine::Comment(comment) if !greeted => {
                        greeted = true;
                        let first: StreamStart = serde_json::from_slice(&comment).map_err(protocol)?;
                        if first.boot != *remote.boot {
                            return Err(protocol("another life of the agent answers"));
                        }
                    }
                    AgentLine::Comment(comment) => {
                        let live: AgentCounters = serde_json::from_slice(&comment).map_err(protocol)?;
                        self.tell.send_modify(|seen| seen.live = live);
                    }
                    AgentLine::Entry(line) => self.pass_on(&line).await?,
                }
            }
        }
    }

    async fn pass_on(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let entry: Box<Entry> = serde_json::from_slice(line).map_err(protocol)?;
        let ended = if let Entry::TrialEnd(end) = &*entry { Some(end.trial) } else { None };
        let mut waiting = self.sink.offer(entry);
        while let Err(entry) = waiting {
            tokio::time::sleep(WRITER_PAUSE).await;
            waiting = self.sink.offer(entry);
        }
        self.tell.send_modify(|seen| {
            seen.lines += 1;
            seen.ended.extend(ended);
        });
        Ok(())
    }
}

fn protocol(why: impl std::fmt::Display) -> AgentError {
    AgentError::Gone { doing: "following the agent's lines".to_owned(), why: why.to_string() }
}

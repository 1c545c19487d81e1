//! Reads the truth: the logs of the embedded cluster and of the built-in servers, on the clock of the run.
//!
//! It must not read the record's attempts or know what diagnosis says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rollproof::clock::Stamp;
use rollproof::target::target_truth::{ConnectionActivity, TargetEvent, TargetTruthLine};
use serde::Deserialize;

/// What truly happened in one run of one variant.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Endpoints chosen for new connections, in order of time; `None` if there was no endpoint.
    pub(crate) picks: Vec<(Stamp, Option<String>)>,
    /// The routing table from each moment on.
    pub(crate) tables: Vec<(Stamp, BTreeSet<String>)>,
    /// Every pod that was started.
    pub(crate) pods: BTreeMap<String, Life>,
    /// The `EndpointSlice` from each moment on, as the API had it: pods to which new connections are to be routed.
    pub(crate) slices: Vec<(Stamp, BTreeSet<String>)>,
    /// A log lost lines, or a container was started twice.
    pub(crate) broken: Option<&'static str>,
}

/// One pod's life.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) listening: Option<Stamp>,
    pub(crate) listener_closed: Option<Stamp>,
    /// SIGQUIT, which only a hook sends, came.
    pub(crate) quit: Option<Stamp>,
    /// SIGTERM came, each time.
    pub(crate) terms: Vec<Stamp>,
    /// The process ended itself.
    pub(crate) exit: Option<Stamp>,
    pub(crate) hook_started: Option<Stamp>,
    /// The hook ended, and whether it succeeded.
    pub(crate) hook_ended: Option<(Stamp, bool)>,
    pub(crate) stop_signal: Option<Stamp>,
    /// The grace period with which it was deleted.
    pub(crate) grace_ns: Option<u64>,
    pub(crate) killed: Option<Stamp>,
    pub(crate) finished: Option<Stamp>,
    pub(crate) connections: BTreeMap<u64, Connection>,
}

/// One connection as the server had it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) accepted: Stamp,
    /// The client's port.
    pub(crate) port: u16,
    /// When requests were read, in order.
    pub(crate) reads: Vec<Stamp>,
    pub(crate) end: Option<(Stamp, End)>,
}

/// How a connection ended, as far as the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// While the process lived on.
    Closed(ConnectionActivity),
    /// As the process ended itself.
    Cut(ConnectionActivity),
}

impl Life {
    /// Whether the hook was still running as the grace was over, and was ended by that.
    pub(crate) fn hook_used_grace_up(&self) -> bool {
        let (Some(started), Some((ended, _)), Some(grace_ns)) = (self.hook_started, self.hook_ended, self.grace_ns)
        else {
            return false;
        };
        ended.saturating_add(20_000_000) >= started.saturating_add(grace_ns)
    }

    /// When the listener was gone for certain, whatever ended it.
    pub(crate) fn gone(&self) -> Option<Stamp> {
        [self.listener_closed, self.exit, self.killed, self.finished].into_iter().flatten().min()
    }

    /// Whether a connect at `at` finds a listener.
    pub(crate) fn listens(&self, at: Stamp) -> bool {
        self.listening.is_some_and(|from| from <= at) && self.gone().is_none_or(|gone| at < gone)
    }

    /// When the hook failed by itself; one that dies with its container has not.
    pub(crate) fn hook_failed(&self) -> Option<Stamp> {
        let (at, success) = self.hook_ended?;
        let end = [self.exit, self.killed, self.finished].into_iter().flatten().min();
        (!success && end.is_none_or(|end| at < end)).then_some(at)
    }
}

impl World {
    /// The pods that new connections go to at `at`.
    pub(crate) fn table(&self, at: Stamp) -> &BTreeSet<String> {
        latest(&self.tables, at)
    }

    /// The pods that the API's endpoints name at `at`, which the table follows.
    pub(crate) fn slice(&self, at: Stamp) -> &BTreeSet<String> {
        latest(&self.slices, at)
    }
}

fn latest(states: &[(Stamp, BTreeSet<String>)], at: Stamp) -> &BTreeSet<String> {
    static NOTHING: BTreeSet<String> = BTreeSet::new();
    let known = states.partition_point(|(from, _)| *from <= at);
    known.checked_sub(1).map_or(&NOTHING, |index| &states[index].1)
}

#[derive(Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
enum ClusterLine {
    Pick {
        at_ns: Stamp,
        pod: Option<String>,
    },
    Table {
        at_ns: Stamp,
        services: Vec<Row>,
    },
    Node {
        at: Stamp,
        pod: String,
        #[serde(flatten)]
        deed: Deed,
    },
    Overflow {},
}

#[derive(Deserialize)]
struct Row {
    service: String,
    pods: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "deed", rename_all = "kebab-case")]
enum Deed {
    ContainerStarted {},
    HookStarted {},
    HookEnded { success: bool },
    StopSignal {},
    Killed,
    ContainerFinished {},
}

/// Reads both logs of the run in `folder`, whose stamps count from `origin_unix_ns`.
pub(crate) fn read(folder: &Path, origin_unix_ns: u64) -> Result<World, String> {
    let mut world = World::default();
    let mut starts: BTreeMap<String, u32> = BTreeMap::new();
    each(&folder.join("truth.jsonl"), |line: ClusterLine| match line {
        ClusterLine::Pick { at_ns, pod } => world.picks.push((at_ns, pod)),
        ClusterLine::Table { at_ns, services } => {
            let pods = services.into_iter().filter(|row| row.service == "web").flat_map(|row| row.pods);
            world.tables.push((at_ns, pods.collect()));
        }
        ClusterLine::Overflow {} => world.broken = Some("the cluster's log lost lines"),
        ClusterLine::Node { at, pod, deed } => {
            if matches!(deed, Deed::ContainerStarted {}) {
                *starts.entry(pod.clone()).or_default() += 1;
            }
            world.pods.entry(pod).or_default().deed(at, &deed);
        }
    })?;
    if starts.values().any(|count| *count > 1) {
        world.broken = Some("a container was started twice");
    }
    let target = folder.join("truth-target.jsonl");
    if target.exists() {
        each(&target, |line: TargetTruthLine| {
            let at = line.at_unix_ns.saturating_sub(origin_unix_ns);
            if line.what == TargetEvent::Full {
                world.broken = Some("a server's log is full");
            }
            world.pods.entry(line.pod).or_default().what(at, &line.what);
        })?;
    }
    Ok(world)
}

fn each<T: for<'a> Deserialize<'a>>(path: &Path, mut take: impl FnMut(T)) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    for (index, line) in text.lines().enumerate() {
        let line = serde_json::from_str(line).map_err(|e| format!("{} line {}: {e}", path.display(), index + 1))?;
        take(line);
    }
    Ok(())
}

impl Life {
    fn deed(&mut self, at: Stamp, deed: &Deed) {
        match deed {
            Deed::ContainerStarted {} => {}
            Deed::HookStarted {} => self.hook_started = Some(at),
            Deed::HookEnded { success } => self.hook_ended = Some((at, *success)),
            Deed::StopSignal {} => self.stop_signal = Some(at),
            Deed::Killed => self.killed = Some(at),
            Deed::ContainerFinished {} => self.finished = Some(at),
        }
    }

    fn what(&mut self, at: Stamp, what: &TargetEvent) {
        match *what {
            TargetEvent::Listening { .. } => self.listening = Some(at),
            TargetEvent::Accepted { connection, peer } => {
                let accepted = Connection { accepted: at, port: peer.port(), reads: Vec::new(), end: None };
                self.connections.insert(connection, accepted);
            }
            TargetEvent::Read { connection, .. } => {
                if let Some(known) = self.connections.get_mut(&connection) {
                    known.reads.push(at);
                }
            }
            TargetEvent::Closed { connection, doing } => self.ended(connection, at, End::Closed(doing)),
            TargetEvent::Cut { connection, doing } => self.ended(connection, at, End::Cut(doing)),
            TargetEvent::Term => self.terms.push(at),
            TargetEvent::Quit => self.quit = Some(at),
            TargetEvent::ListenerClosed => self.listener_closed = Some(at),
            TargetEvent::Exit => self.exit = Some(at),
            TargetEvent::Answered { .. } | TargetEvent::Full => {}
        }
    }

    fn ended(&mut self, connection: u64, at: Stamp, end: End) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.end = Some((at, end));
        }
    }
}

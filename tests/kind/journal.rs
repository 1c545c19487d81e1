//! What the node's kubelet and containerd logged of each container: when it was told to stop, killed, and ended. Analysis never
//! reads it.

use std::collections::BTreeMap;

use crate::cluster::{control_plane, on_node};

/// The moments of one container, in nanoseconds since 1970.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_field_names, reason = "units come last in names")]
pub(crate) struct Logged {
    /// kubelet asked containerd to stop it: its preStop hook was over.
    pub(crate) asked_ns: Option<u64>,
    /// containerd sent the stop signal.
    pub(crate) signal_ns: Option<u64>,
    /// containerd killed it.
    pub(crate) killed_ns: Option<u64>,
    /// Its main process ended.
    pub(crate) ended_ns: Option<u64>,
}

/// The containers named `web`, by namespace and pod.
pub(crate) type Journal = BTreeMap<(String, String), Logged>;

/// What was logged since a moment, as RFC 3339 in UTC tells it.
pub(crate) fn since(started: &str) -> Journal {
    let started = started.replace('T', " ").replace('Z', " UTC");
    let script = format!("journalctl -u containerd -o cat --no-pager --since '{started}'");
    read(&on_node(&control_plane(), &script).expect_code(0).stdout)
}

/// The same, with everything this many nanoseconds later.
pub(crate) fn later(journal: &Journal, by_ns: u64) -> Journal {
    let moved = |at_ns: Option<u64>| at_ns.map(|at_ns| at_ns + by_ns);
    let one = |logged: &Logged| Logged {
        asked_ns: moved(logged.asked_ns),
        signal_ns: moved(logged.signal_ns),
        killed_ns: moved(logged.killed_ns),
        ended_ns: moved(logged.ended_ns),
    };
    journal.iter().map(|(pod, logged)| (pod.clone(), one(logged))).collect()
}

/// Lines in containerd's own form: `time="..." level=info msg="..."`.
fn read(text: &str) -> Journal {
    let (mut pods, mut containers) = (BTreeMap::new(), BTreeMap::new());
    let mut logged: BTreeMap<String, Logged> = BTreeMap::new();
    for line in text.lines() {
        let Some((at_ns, message)) = parts(line) else { continue };
        let said = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| between(rest, "\"", "\""));
        if message.starts_with("RunPodSandbox for ") {
            if let (Some(name), Some(namespace), Some(sandbox)) = (
                between(&message, "{Name:", ","),
                between(&message, "Namespace:", ","),
                between(&message, "returns sandbox id \"", "\""),
            ) {
                pods.insert(sandbox, (namespace, name));
            }
        } else if let Some(sandbox) = said("CreateContainer within sandbox ") {
            let container = between(&message, "returns container id \"", "\"");
            if let (Some(container), true) = (container, message.contains("Metadata{Name:web,")) {
                containers.insert(container, sandbox);
            }
        } else if let Some(id) = said("StopContainer for ") {
            if message.contains("with timeout") {
                logged.entry(id).or_default().asked_ns.get_or_insert(at_ns);
            }
        } else if let Some(id) = said("Stop container ") {
            logged.entry(id).or_default().signal_ns.get_or_insert(at_ns);
        } else if let Some(id) = said("Kill container ") {
            logged.entry(id).or_default().killed_ns.get_or_insert(at_ns);
        } else if let Some(container) = said("received exit event container_id:") {
            // Of a command in it the line names the command.
            if between(&message, " id:\"", "\"").as_ref() == Some(&container) {
                logged.entry(container).or_default().ended_ns = Some(exited_ns(&message).unwrap_or(at_ns));
            }
        }
    }
    let of_pod = |id: &String| pods.get(containers.get(id)?).cloned();
    logged.iter().filter_map(|(id, logged)| Some((of_pod(id)?, logged.clone()))).collect()
}

/// The moment and the message of a line.
fn parts(line: &str) -> Option<(u64, String)> {
    let at: jiff::Timestamp = between(line, "time=\"", "\"")?.parse().ok()?;
    let message = line.split_once("msg=\"")?.1.replace("\\\"", "\"");
    Some((u64::try_from(at.as_nanosecond()).ok()?, message))
}

fn exited_ns(message: &str) -> Option<u64> {
    let told = between(message, "exited_at:{", "}")?;
    let seconds: u64 = between(&told, "seconds:", " ")?.parse().ok()?;
    let nanoseconds: u64 = told.split_once("nanos:").map_or(Some(0), |(_, text)| text.trim().parse().ok())?;
    Some(seconds * 1_000_000_000 + nanoseconds)
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0.to_owned())
}

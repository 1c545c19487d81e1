//! What the node's kubelet and containerd logged.

use std::path::Path;

use serde_json::Value;

use crate::cluster::{control_plane, on_node};

/// The lines since a moment.
pub(crate) struct Journal {
    pub(crate) text: String,
}

impl Journal {
    pub(crate) fn since(started: &str) -> Self {
        let started = started.replace('T', " ").replace('Z', " UTC");
        let script = format!("journalctl -u kubelet -u containerd -o short-iso-precise --no-pager --since '{started}'");
        Self { text: on_node(&control_plane(), &script).expect_code(0).stdout }
    }
}

pub(crate) fn edges_hold(_out: &Path, report: &Value, journal: &Journal) {
    std::fs::write("/tmp/kc-journal.txt", &journal.text).unwrap();
    std::fs::write("/tmp/kc-report.json", report.to_string()).unwrap();
}

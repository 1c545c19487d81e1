//! A trial as the port of one node shows it under `externalTrafficPolicy: Local`: with the node's own pods only.

use std::collections::BTreeSet;

use super::trial::Trial;
use crate::record::entry::{Attempt, LoadedNode, NodePorts};

impl Trial {
    /// The nodes that its load went to, if each led to its own pods only.
    #[must_use]
    pub fn local_nodes(&self) -> &[LoadedNode] {
        self.start.node_ports.as_ref().filter(|ports| ports.local).map_or(&[], |ports| &ports.nodes)
    }

    /// The name of the node that the connection of an attempt went to; `None` where that is not known.
    #[must_use]
    pub fn node_of(&self, attempt: &Attempt) -> Option<&str> {
        let NodePorts { nodes, .. } = self.start.node_ports.as_ref()?;
        // Of a single one there is no choice to record.
        let place = attempt.node.map_or_else(|| (nodes.len() == 1).then_some(0), |place| Some(usize::from(place)))?;
        nodes.get(place).map(|node| node.node.as_str())
    }

    /// What of it can be seen at the port of a node, without its attempts. A pod whose node is not known may be on any.
    #[must_use]
    pub fn at_node(&self, node: &str) -> Self {
        let may_be_there = |of: Option<&String>| of.is_none_or(|of| of == node);
        let pods: Vec<_> = self.pods.iter().filter(|pod| may_be_there(pod.node.as_ref())).cloned().collect();
        let neighbours: Vec<_> =
            self.neighbours.iter().filter(|other| may_be_there(other.node.as_ref())).cloned().collect();
        let names: BTreeSet<&str> = pods
            .iter()
            .map(|pod| pod.name.as_str())
            .chain(neighbours.iter().map(|other| other.name.as_str()))
            .collect();
        let of_them = |name: &String| names.contains(name.as_str());
        let first = self.first_answered_ns.iter().filter(|(name, _)| of_them(name));
        let anew = self.answered_anew_ns.iter().filter(|(name, _)| of_them(name));
        Self {
            start: self.start.clone(),
            window: self.window,
            lateness: self.lateness.clone(),
            first_answered_ns: first.map(|(name, at_ns)| (name.clone(), *at_ns)).collect(),
            answered_anew_ns: anew.map(|(name, all)| (name.clone(), all.clone())).collect(),
            pods,
            neighbours,
            ..Self::default()
        }
    }
}

//! The embedded cluster: real processes, one node, no privileges.

pub mod namespace;
pub mod supervise;

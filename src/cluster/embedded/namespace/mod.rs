//! A network of one's own: rollproof executes itself again in a user and a network namespace, in which only `lo`
//! exists, so that ports are the manifest's own and nothing on the machine is in the way.
//!
//! It must run before any thread starts, and knows nothing about clusters.

mod enter;
mod netlink;

pub use enter::{EnteredNetwork, MARK, PROBE, enter};

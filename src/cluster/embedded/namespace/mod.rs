//! A network namespace for the whole process: rollproof executes itself again in a user and a network namespace, in which
//! only `lo` exists, so that every port is free.
//!
//! - `enter`: tries it, enters, and executes the program again
//! - `netlink`: brings `lo` up
//!
//! It must run before any thread starts, and knows nothing about clusters.

mod enter;
mod netlink;

pub(crate) use enter::PROBE;
pub(in crate::cluster::embedded) use enter::map_ids;
pub use enter::{EnteredNetwork, MARK, enter};

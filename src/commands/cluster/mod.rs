//! `rollproof cluster`: makes and deletes kind clusters, and shows and removes what runs left on a cluster.
//!
//! `show` only words what was found; `act` finds and acts.

mod act;
mod show;

pub use act::cluster;

//! `rollproof cluster`: makes and deletes kind clusters, and shows and removes what runs left on a cluster.
//!
//! - `cluster_actions`: carries out the subcommands
//! - `cluster_view`: describes a cluster and what runs left on it; pure

mod cluster_actions;
mod cluster_view;

pub use cluster_actions::cluster;

//! rollproof: constant load on a Service, a real rolling update, and a reason for every lost request.
//!
//! `ARCHITECTURE.md` has the map of these modules and the rule of who may use whom.

pub mod advice;
pub mod agent;
pub mod analysis;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod diagnose;
pub mod diff;
pub mod hidden;
pub mod html;
pub mod load;
pub mod manifest;
pub mod observe;
pub mod plan;
pub mod record;
pub mod report;
pub mod rng;
pub mod rollout;
pub mod scenario;
pub mod servers;
pub mod spec;
pub mod stats;
pub mod target;
pub mod timeline;
pub mod trial;
pub mod verdict;
pub mod yaml;

//! rollproof: constant load on a Service, a real rolling update, and a reason for every lost request.
//!
//! `ARCHITECTURE.md` has the map of these modules and the rule of who may use whom.

pub mod clock;
pub mod cluster;
pub mod manifest;
pub mod record;
pub mod rng;
pub mod yaml;

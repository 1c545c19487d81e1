//! rollproof: constant load on a Service, a real rolling update, and a reason for every lost request.
//!
//! `ARCHITECTURE.md` has the map of these modules and the rule of who may use whom.

pub mod clock;
pub mod record;
pub mod report;
pub mod rng;
pub mod stats;
pub mod target;
pub mod timeline;
pub mod verdict;

//! Where a rollout takes place.

pub mod embedded;

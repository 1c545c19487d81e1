//! The clusters that a run can take place in. Everything above them speaks to a `kube::Client` only.
//!
//! A cluster must not know what is measured on it.

pub mod embedded;
pub mod kind;
pub mod kube;

//! The clusters that a run can take place in. Everything above them speaks to a `kube::Client` only.
//!
//! - `embedded`: a cluster inside this process
//! - `kind`: kind and Docker, as programs
//! - `kube`: what is asked of any cluster through its API
//!
//! A cluster must not know what is measured on it.

pub mod embedded;
pub mod kind;
pub mod kube;

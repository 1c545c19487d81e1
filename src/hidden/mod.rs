//! Which common clients and proxies would have hidden a failed attempt by sending it again.
//!
//! Derived from documented policies, never from guesses: a policy that a source does not settle hides nothing. A repeat is
//! taken to be answered, which holds where other pods serve. It must not know how a trial is judged or why an attempt
//! failed.
//!
//! - `client`: the clients and proxies, and what each of them sends again
//! - `facts`: what the policies look at, and their sum over many attempts
//! - `words`: what would have hidden an attempt, in words

mod client;
mod facts;
mod words;

pub use client::{Client, hides};
pub use facts::AttemptFacts;
pub(crate) use facts::sums;
pub(crate) use words::{describe, listed};

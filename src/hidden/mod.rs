//! Which common clients and proxies would have hidden a failed attempt by sending it again.
//!
//! Derived from documented policies, never from guesses: a policy that a source does not settle hides nothing. A repeat is
//! taken to be answered, which holds where other pods serve. It must not know how a trial is judged or why an attempt
//! failed.
//!
//! - `client`: the clients, and what each repeats
//! - `facts`: what of an attempt decides
//! - `words`: clients in a sentence

mod client;
mod facts;
mod words;

pub use client::{Client, hides};
pub use facts::{AttemptFacts, sums};
pub use words::describe;
pub(crate) use words::listed;

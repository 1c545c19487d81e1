//! The run's log: typed lines, written by one writer from a bounded channel, read back by everything else.
//!
//! The record is the only thing that crosses from action to analysis. It must not know who sends or who reads.
//!
//! - `attempt`: lines about requests: those not answered as expected, and pulses of the rest
//! - `entry`: all kinds of lines, and the format's number
//! - `header`: the first line: the run's spec and cluster
//! - `outcome`: how a request ends, and the five sums
//! - `private_file`: files of a run: for its user only, never through a link
//! - `reader`: reads a record line by line
//! - `reproduce`: the command that reruns a variant of a record; pure
//! - `sample`: records for tests and benchmarks
//! - `seen`: lines about the cluster: watches, side probe, logs
//! - `sink`: the bounded channel into the record
//! - `writer`: the thread that writes lines to the file

mod attempt;
pub mod entry;
pub mod header;
mod outcome;
pub(crate) mod private_file;
mod reader;
mod reproduce;
#[doc(hidden)]
pub mod sample;
mod seen;
pub mod sink;
mod writer;

pub use crate::spec::Arm;
pub use entry::{Entry, FORMAT};
pub use outcome::{Outcome, OutcomeGroup, Sum};
pub(crate) use outcome::{RaceEvidence, sum, within_race};
pub use reader::{Reader, RecordReadError};
pub use reproduce::reproduction_command;
pub use sink::{Sink, SinkReceiver};
pub use writer::{WriteError, Writer, WriterStatus};

/// For fields that are left out where they are zero, as in older records.
pub(crate) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

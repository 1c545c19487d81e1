//! The run's log: typed lines, written by one writer from a bounded channel, read back by everything else.
//!
//! The record is the only thing that crosses from action to analysis. It must not know who sends or who reads.

pub mod attempt;
pub mod entry;
pub mod header;
pub mod outcome;
pub mod reader;
mod reproduce;
#[cfg(test)]
pub(crate) mod sample;
pub mod seen;
pub mod sink;
pub mod writer;

pub use crate::spec::Arm;
pub use entry::{Entry, FORMAT};
pub use outcome::{Outcome, OutcomeGroup, Sum};
pub use reader::{Reader, RecordReadError};
pub use reproduce::reproduction_command;
pub use sink::{Sink, SinkReceiver};
pub use writer::{WriteError, Writer, WriterStatus};

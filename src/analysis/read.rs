//! From a record to its analysis.

use std::io::BufRead;
use std::path::Path;

use super::analyse::{Analysis, analyse};
use crate::record::{Reader, RecordReadError};
use crate::timeline::{Collector, TimelineError};

/// Why a record could not be analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] RecordReadError),
    /// Its entries do not fit together.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
}

/// Analyses the record at `path`.
///
/// # Errors
/// The record cannot be read, or its entries do not fit together.
pub fn of_file(path: &Path) -> Result<Analysis, AnalysisError> {
    of_record(Reader::open(path)?)
}

/// Analyses a record from its first entry to its last.
///
/// # Errors
/// The record cannot be read on, or its entries do not fit together.
pub fn of_record<R: BufRead>(mut reader: Reader<R>) -> Result<Analysis, AnalysisError> {
    let mut collector = Collector::new(reader.header().clone());
    for entry in reader.by_ref() {
        collector.push(entry?)?;
    }
    Ok(analyse(collector.finish(reader.is_cut())?))
}

//! The one place that parses YAML. Numbers such as `0644` are octal, as kubectl reads them; a key that appears twice is
//! an error; the input's size and what aliases may expand to are bounded.
//!
//! Must not know what the documents mean.
//!
//! - `fields`: where each field of a document stands
//! - `nearest`: the nearest known word, for error messages
//! - `parse`: the parser, with its one set of options
//! - `source`: texts, places in them, and errors that point there

mod fields;
mod nearest;
mod parse;
mod source;

pub(crate) use fields::{FieldName, FieldPlace, place_of};
pub use nearest::{nearest, nearest_within};
pub use parse::{MAX_BYTES, YamlDocument, YamlError, documents, single};
pub use source::{Located, YamlFault, YamlPlace, YamlSource};

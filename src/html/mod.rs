//! `report.html`: a run on one page that needs nothing else, with every failed attempt and the life of every pod on one axis of
//! time.
//!
//! Pure, from the analysis: the same record gives the same bytes. Text from outside goes through
//! [`maud`], which escapes it, or through `data`, which leaves no character that markup could begin with. It must not know
//! where the page is written to, or judge anything.

mod axes;
mod causes;
mod chart;
mod data;
mod figure;
mod incidents;
mod key;
mod kind;
mod lanes;
mod page;
mod pods;
mod points;
mod scale;
mod shot;
mod summary;
mod thin;

pub use page::render;

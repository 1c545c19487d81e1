//! `report.html`: a run on one page that needs nothing else, with every failed attempt and the life of every pod on one axis of
//! time.
//!
//! Pure, from the analysis: the same record gives the same bytes. Text from outside goes through
//! [`maud`], which escapes it, or through `data`, which leaves no character that markup could begin with. It must not know
//! where the page is written to, or judge anything.
//!
//! - `axes`: the scales that all drawings share
//! - `causes`: why requests were lost and what would help
//! - `chart`: the plots of one trial
//! - `data`: JSON inside the page
//! - `figure`: the drawings of a variant
//! - `incidents`: incidents and trials
//! - `key`: the key of the drawings
//! - `kind`: what a point stands for, with its shape
//! - `lanes`: one lane for each pod
//! - `page`: the page as a whole, and its policy
//! - `pods`: from a pod's edges to the stretches of its lane
//! - `points`: failed attempts as points
//! - `scale`: from values to places in a drawing
//! - `shot`: which trials and points are drawn
//! - `summary`: verdict, tables, limits
//! - `thin`: which of too many points stay

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

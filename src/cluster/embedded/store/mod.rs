//! The objects of the embedded cluster, their versions and their history. The etcd and the generic half of the API
//! server, in one place.
//!
//! Objects are untyped JSON: fields that nobody here knows survive. It must not know of HTTP, controllers or the node;
//! whoever acts on objects watches [`Store::changed`] or holds a [`StoreWatch`].

mod deletion;
pub mod error;
pub mod event;
pub mod kind;
pub mod meta;
pub mod selector;
mod state;
#[cfg(test)]
mod tests;
mod wall;
mod watch;
mod writes;

pub use deletion::DeleteOptions;
pub use error::{ApiError, StatusCause};
pub use event::{EventText, event};
pub use kind::ObjectKind;
pub use selector::LabelSelector;
pub use state::Store;
pub use wall::{WallClock, whole_seconds};
pub use watch::{ChangeVerb, ObjectChange, StoreWatch};
pub(crate) use writes::set_status;

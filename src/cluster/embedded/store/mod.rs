//! The objects of the embedded cluster, their versions and their history: etcd and the generic half of the API server.
//!
//! - `api_error`: the API's errors and their `Status` bodies
//! - `deletion`: grace periods, garbage collection, namespaces
//! - `event`: Kubernetes Events
//! - `meta`: reads common fields of untyped objects
//! - `object_kind`: the kinds that are stored
//! - `selector`: label selectors
//! - `store_state`: the lock, the state, and reading
//! - `store_watch`: a position in the history
//! - `tests`: versions, watches, grace and garbage collection
//! - `wall`: wall-clock time as an argument
//! - `writes`: creates and changes objects
//!
//! Objects are untyped JSON: the store knows no fields. It must not know of HTTP, controllers or the node;
//! whoever acts on objects watches [`Store::changed`] or holds a [`StoreWatch`].

mod api_error;
mod deletion;
mod event;
pub(crate) mod meta;
mod object_kind;
mod selector;
mod store_state;
mod store_watch;
#[cfg(test)]
mod tests;
mod wall;
mod writes;

pub(crate) use api_error::{ApiError, StatusCause};
pub use deletion::DeleteOptions;
pub(crate) use event::{EventText, event};
pub use object_kind::ObjectKind;
pub(crate) use selector::LabelSelector;
pub use store_state::Store;
pub use store_watch::ChangeVerb;
pub(crate) use store_watch::{ObjectChange, StoreWatch};
pub use wall::WallClock;
pub(crate) use wall::whole_seconds;
pub(crate) use writes::set_status;

//! The embedded cluster's API: a service that `kube::Client::new` can use, over the [`Store`](super::store::Store).
//!
//! It knows HTTP, defaults and validation, as the Kubernetes API server does; it must not know of controllers or nodes.

mod body;
mod defaults;
mod discovery;
mod evict;
mod fields;
mod last_applied;
mod mutate;
mod pod_log;
mod request;
mod server;
#[cfg(test)]
mod tests;
mod validate;
mod validate_pod;
mod watch;

pub use body::ApiBody;
pub use discovery::VERSION;
pub use server::EmbeddedApi;

//! The embedded cluster's API: a service that `kube::Client::new` can use, over the [`Store`](super::store::Store).
//!
//! - `api_request`: reads a request's path and query
//! - `api_server`: from a request to a response
//! - `body`: bodies of requests and responses
//! - `defaults`: fields that the API server fills in
//! - `discovery`: `/version` and the lists of resources
//! - `disruption_budget`: whether an eviction is allowed now
//! - `fields`: field selectors
//! - `gated_fields`: fields that a feature gate drops
//! - `last_applied`: what each field manager applied last
//! - `mutate`: creates, replaces and patches objects
//! - `pod_log`: the log subresource of pods
//! - `tests`: the API through `kube::Client`
//! - `validate`: rules for types and fields
//! - `validate_pod`: rules for pod specs
//! - `watch_stream`: watches over HTTP
//!
//! It knows HTTP, defaults and validation, as the Kubernetes API server does; it must not know of controllers or nodes.

mod api_request;
mod api_server;
mod body;
mod defaults;
mod discovery;
mod disruption_budget;
mod fields;
mod gated_fields;
mod last_applied;
mod mutate;
mod pod_log;
#[cfg(test)]
mod tests;
mod validate;
mod validate_pod;
mod watch_stream;

pub(super) use api_server::EmbeddedApi;
pub(crate) use discovery::VERSION;

//! Where connections to a Service are routed: a table that follows the `EndpointSlice`s as kube-proxy's rules do.
//!
//! - `route`: one Service port, as clients use it
//! - `routing_table`: the backends of each Service port
//! - `rule`: when a change takes effect
//! - `service_proxy`: follows the store and replaces the table
//!
//! No byte passes through here: an address is chosen when a connection is made, and the kernel does the rest. It must not
//! know who makes the connections.

mod route;
mod routing_table;
mod rule;
mod service_proxy;

pub(super) use route::ServiceRoute;
pub(super) use rule::SyncRule;
pub(super) use service_proxy::{ProxyLag, ServiceProxy};

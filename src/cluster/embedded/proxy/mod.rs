//! Where connections to a Service go: a routing table that follows the `EndpointSlice`s as kube-proxy's rules do.
//!
//! No byte passes through here: an address is chosen when a connection is made, and what then happens to it is the
//! kernel's doing. It must not know who makes the connections.

mod driver;
mod route;
mod rule;
mod table;

pub use driver::{NowFn, ProxyLag, ServiceProxy};
pub use route::ServiceRoute;
pub use rule::{SyncRule, SyncSchedule};
pub use table::{Backend, RoutingTable};

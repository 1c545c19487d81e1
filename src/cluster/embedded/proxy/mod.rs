//! The routing table of Services, which follows the EndpointSlices the way kube-proxy in iptables mode does.
//!
//! `sync` decides when the table follows, `table` what it holds and which endpoint a connection gets; `driver` puts both
//! on the clock and `route` answers for one Service. No byte passes through here: an endpoint is chosen when a
//! connection is made, and what happens then is between the client's kernel and the server's.

mod driver;
mod route;
mod sync;
mod table;

pub use driver::{Proxy, ProxyConfig};
pub use route::ServiceRoute;

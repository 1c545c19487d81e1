//! How a request is carried.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a request is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// A new connection for each request, with `Connection: close`.
    New,
    /// A kept-alive connection; the client notices a FIN before it uses the connection again.
    Reused,
    /// A kept-alive connection; the client writes without looking.
    Blind,
    /// An ordinary application client (reqwest), which pools and retries in silence.
    Pooled,
}

impl Arm {
    /// Every arm, in the order of reports.
    pub const ALL: [Self; 4] = [Self::New, Self::Reused, Self::Blind, Self::Pooled];

    /// The arm's name in scenarios, records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reused => "reused",
            Self::Blind => "blind",
            Self::Pooled => "pooled",
        }
    }

    /// Whether this arm keeps connections that we own (so `unsent` and `raced` exist on it).
    #[must_use]
    pub const fn keeps_alive(self) -> bool {
        match self {
            Self::Reused | Self::Blind => true,
            Self::New | Self::Pooled => false,
        }
    }

    /// Whether each attempt makes a connection of its own, so that it is routed by itself.
    #[must_use]
    pub const fn connects_anew(self) -> bool {
        match self {
            Self::New => true,
            Self::Reused | Self::Blind | Self::Pooled => false,
        }
    }

    /// Whether we own the connections, so that each attempt's is known.
    #[must_use]
    pub const fn owns_connections(self) -> bool {
        match self {
            Self::New | Self::Reused | Self::Blind => true,
            Self::Pooled => false,
        }
    }
}

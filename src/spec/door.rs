//! The way of a request to what is measured.

use serde::{Deserialize, Serialize};

/// The way of a request to what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The Service of the workload.
    Service,
    /// The URL of the load.
    Url,
}

impl Door {
    /// Both, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Service, Self::Url];

    /// Its name in scenarios, records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Url => "url",
        }
    }

    /// As the end of "lost at ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Service => "the Service",
            Self::Url => "the URL",
        }
    }
}

//! rollproof puts constant load on a Service while a real rolling update runs, and finds the reason for every lost request.
//!
//! Most people use the program `rollproof`. This library is for programs that read what a run has recorded: a
//! [`record::Reader`] gives the entries of a `record.jsonl`, [`analysis`] explains and judges them, and [`report`] renders the
//! result. The same record always gives the same analysis: no clock, cluster or environment is read.
//!
//! ```
//! use std::time::Duration;
//!
//! use rollproof::analysis::of_record;
//! use rollproof::record::header::{ClusterHeader, Header, VariantPlace};
//! use rollproof::record::{Arm, Entry, FORMAT, Reader};
//! use rollproof::report::{TerminalStyle, to_terminal};
//! use rollproof::spec::{TargetObjects, Expect, LoadSpec, RequestSpec, RunSettings, RunSpec, ServiceSpec, VariantSpec};
//! use rollproof::verdict::Verdict;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What was planned: one rollout of a Deployment of two pods, under 10 requests a second, none of which may be lost.
//! let request = RequestSpec::get("/".parse()?, vec![(Arm::New, 1.0)]);
//! let load = LoadSpec::new(10.0, Duration::from_secs(5), vec![request]);
//! let service = ServiceSpec::new("web", 80, 8080);
//! let target =
//!     TargetObjects { manifests: Vec::new(), workload: "deployment/web".into(), replicas: 2, surge: 1, service };
//! let variants = vec![VariantSpec::new("as-written", Expect::Clean, target, load)];
//! let header = Header {
//!     format: FORMAT,
//!     rollproof: "0.1.0".into(),
//!     started: "2026-11-23T10:00:00Z".into(),
//!     started_unix_ns: 1_795_514_400_000_000_000,
//!     cluster: ClusterHeader { kind: "kind".into(), version: "v1.34.4".into(), private_network: None },
//!     places: vec![VariantPlace { namespace: "shop-as-written".into(), connections: 0 }],
//!     spec: RunSpec { settings: RunSettings::new("shop", 1, 1), variants },
//! };
//! // What happened: during the rollout, a pod refused a connection. A run writes all of this to `record.jsonl`, which
//! // `Reader::open` reads.
//! let header = serde_json::to_string(&Entry::Header(Box::new(header)))?;
//! let record = header + r#"
//! {"t":"trial-start","at_ns":1,"trial":1,"block":1,"variant":"as-written","namespace":"shop-as-written"}
//! {"t":"mark","trial":1,"name":"rollout-step","before_ns":2,"after_ns":3}
//! {"t":"attempt","trial":1,"id":0,"arm":"new","request":0,"outcome":"refused","sum":"lost","planned_ns":4,"end_ns":5}
//! {"t":"punctuality","trial":1,"at_ns":0,"planned":1,"lag_us":"HISTFAAAAB94nJNpmSzMwMDAzAABMJoRSjPZf4AwFjMxAQBD+gMm","lag_max_ns":146666,"gap_max_ns":0}
//! {"t":"trial-end","at_ns":6,"trial":1,"complete":true,"planned":{"new":1}}
//! {"t":"run-end","at_ns":7,"reason":"finished"}
//! "#;
//!
//! let analysis = of_record(Reader::new(record.as_bytes())?)?;
//! assert_eq!(analysis.report.verdict, Verdict::Fail);
//! println!("{}", to_terminal(&analysis.report, TerminalStyle::PLAIN, None));
//! # Ok(())
//! # }
//! ```
//!
//! Modules that these pages leave out belong to the program and may change at any time. `ARCHITECTURE.md` maps all modules and says
//! which may use which.

pub mod analysis;
pub mod record;
pub mod report;
pub mod spec;
pub mod verdict;

#[doc(hidden)]
pub mod advice;
#[doc(hidden)]
pub mod agent;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod cluster;
mod commands;
#[doc(hidden)]
pub mod diagnose;
#[doc(hidden)]
pub mod diff;
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod hidden;
#[doc(hidden)]
pub mod html;
#[doc(hidden)]
pub mod load;
#[doc(hidden)]
pub mod manifest;
#[doc(hidden)]
pub mod observe;
mod plan;
mod redact;
#[doc(hidden)]
pub mod rng;
#[doc(hidden)]
pub mod rollout;
#[doc(hidden)]
pub mod scenario;
#[doc(hidden)]
pub mod servers;
#[doc(hidden)]
pub mod stats;
#[doc(hidden)]
pub mod target;
#[doc(hidden)]
pub mod timeline;
#[doc(hidden)]
pub mod trial;
#[doc(hidden)]
pub mod yaml;

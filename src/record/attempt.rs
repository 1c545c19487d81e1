//! The record's lines about requests: one for each attempt that was not answered as expected, pulses for the rest.

use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, Sum};
use crate::clock::Stamp;
use crate::spec::Arm;

/// Successful attempts of one arm, request kind and pod in one slice of 100 ms (by their planned time).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// The trial.
    pub trial: u32,
    /// Start of the slice.
    pub at_ns: Stamp,
    /// The arm.
    pub arm: Arm,
    /// Index of the request kind in the header's load plan.
    pub request: u16,
    /// The pod that answered, from its response header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Attempts that ended ok.
    pub ok: u64,
    /// Latency from the planned time, in microseconds: an `HdrHistogram` V2 (deflate) encoding in base64.
    pub latency_us: String,
    /// Arm `new` only: when the latest of these attempts' connections was begun (its SYN). A pulse tells the moment to
    /// 100 ms; when routing stopped leading to a pod is told to the spacing of its connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connect_ns: Option<Stamp>,
    /// Arm `new` only: when the first of them was begun or, if its SYN was sent again, when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_connect_ns: Option<Stamp>,
    /// How many of them say that a proxy tried more than once.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub retried: u64,
}

/// The load's own punctuality in one slice of 100 ms, over all arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punctuality {
    /// The trial.
    pub trial: u32,
    /// Start of the slice.
    pub at_ns: Stamp,
    /// Attempts planned in the slice.
    pub planned: u64,
    /// Send lag in microseconds (started minus planned, of attempts that did not wait for a connection), encoded as
    /// the latencies of [`Pulse`] are.
    pub lag_us: String,
    /// The largest send lag in the slice, in nanoseconds.
    pub lag_max_ns: u64,
    /// The largest gap between two successive sends that ended in the slice, in nanoseconds.
    pub gap_max_ns: u64,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptStage {
    /// Waiting for a connection to come free.
    Waiting,
    /// Connecting.
    Connect,
    /// In the TLS handshake.
    Tls,
    /// Writing the request, or waiting for the response's first byte.
    Request,
    /// Inside the response's head.
    Head,
    /// Inside the response's body.
    Body,
    /// The response was complete.
    Done,
}

/// One attempt. Times are stamps; what did not happen is `None`. On the pooled arm the bytes, the stage and the
/// connection are unknown and `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The trial.
    pub trial: u32,
    /// The attempt's number in its trial, in planned order, from 0.
    pub id: u64,
    /// The arm.
    pub arm: Arm,
    /// Index of the request kind in the header's load plan.
    pub request: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Which of the five sums it falls into.
    pub sum: Sum,
    /// When it was planned to be sent.
    pub planned_ns: Stamp,
    /// When the engine began to carry it: the call of connect, or the request handed to an open connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<Stamp>,
    /// When the connection made for this attempt was established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_ns: Option<Stamp>,
    /// When its TLS handshake was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secured_ns: Option<Stamp>,
    /// When the request's first byte was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<Stamp>,
    /// When the response's first byte was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ns: Option<Stamp>,
    /// When its end was noticed.
    pub end_ns: Stamp,
    /// How late the load's own thread was at most between the write, or the start, and the end, in nanoseconds: the end may have been
    /// there for so long. Less than 0.5 ms counts as nothing.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub late_ns: u64,
    /// Bytes of this request written; with TLS, before they are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    /// Bytes of this response read; with TLS, after they are decrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    /// The system's error number, if one decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// The response's status, if its head was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How far it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<AttemptStage>,
    /// The connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionUse>,
    /// Where the load goes to several nodes: the node that its connection went to, as its place in the trial's list. Unknown on the
    /// pooled arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// The pod, from this response's header, or (`pod_from_connection`) from an earlier one on the same connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The pod was named by an earlier response on the same connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pod_from_connection: bool,
    /// The client library's own words, where there is no errno.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl Attempt {
    /// Whether it is known that its connection had carried a request before. The arm `pooled` does not tell.
    #[must_use]
    pub fn reused(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.uses > 0)
    }
}

impl ConnectionUse {
    /// The round-trip time, in nanoseconds. A connect that a busy client or a SYN sent twice made long is none, and would make
    /// a request that was cut look raced.
    #[must_use]
    pub const fn round_trip_ns(&self) -> u64 {
        if self.least_rtt_ns == 0 || self.rtt_ns < self.least_rtt_ns { self.rtt_ns } else { self.least_rtt_ns }
    }
}

/// The connection that carried an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionUse {
    /// The connection's number in its trial.
    pub id: u64,
    /// Time since it was established, at the start of the attempt, in nanoseconds.
    pub age_ns: u64,
    /// Requests that it carried before this one.
    pub uses: u32,
    /// Its connect time, in nanoseconds: a round trip, and whatever kept the client or a packet waiting.
    pub rtt_ns: u64,
    /// The shortest connect time of the load's connections until then, in nanoseconds: the round trip itself. 0 in records before it.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub least_rtt_ns: u64,
    /// Its local port.
    pub local_port: u16,
    /// Kept alive, its peer's FIN or RST had come before this request's first byte was written (the kernel's `TCP_INFO`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_before_write: bool,
    /// Kept alive, and ended without a byte of the response: how many bytes of the request the peer's kernel had acknowledged when
    /// that was noticed (the kernel's `TCP_INFO`). None means that no process of the peer's can have read one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_acked: Option<u64>,
    /// Its TLS handshake failed after the server had sent something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_answered: bool,
}

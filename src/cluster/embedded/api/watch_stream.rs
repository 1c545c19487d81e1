//! Watching over HTTP: one JSON object a line.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::Sleep;

use super::api_request::{ObjectSelectors, RequestQuery, ResourceTarget};
use super::body::{ApiBody, response};
use crate::cluster::embedded::store::{ApiError, ChangeVerb, ObjectChange, Store, StoreWatch};

/// Bookmarks come this often on a quiet watch; the API server sends them about once a minute.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// A watch without `timeoutSeconds` ends after this; the API server takes a random time from 30 minutes on.
const DEFAULT_TIMEOUT_S: u64 = 1_800;
/// The longest `timeoutSeconds` that is honoured.
const MAX_TIMEOUT_S: u64 = 86_400;

pub(super) fn serve(
    store: &Store,
    target: &ResourceTarget,
    query: &RequestQuery,
) -> Result<Response<ApiBody>, ApiError> {
    let selectors = query.selectors(target.kind)?;
    let since = query.number("resourceVersion")?;
    let timeout_s = query.number("timeoutSeconds")?.filter(|s| *s > 0).unwrap_or(DEFAULT_TIMEOUT_S);
    let ns = target.ns.as_deref();
    let mut lines = VecDeque::new();
    // Without a version, or from 0 on, a watch begins with what is there ("get state and start at any").
    let watch = match since.filter(|version| *version > 0) {
        Some(version) if !query.flag("sendInitialEvents") => store.watch(target.kind, ns, version)?,
        _ => {
            let (objects, watch) = store.list_and_watch(target.kind, ns);
            if query.text("sendInitialEvents") != "false" {
                lines.extend(objects.iter().filter(|o| selectors.matches(o)).map(|o| line("ADDED", o)));
            }
            watch
        }
    };
    let mut stream = WatchStream {
        watch,
        selectors,
        target: target.clone(),
        lines,
        bookmarks: query.flag("allowWatchBookmarks"),
        next_bookmark: Box::pin(tokio::time::sleep(BOOKMARK_EVERY)),
        end: Box::pin(tokio::time::sleep(Duration::from_secs(timeout_s.min(MAX_TIMEOUT_S)))),
        ended: false,
    };
    if query.flag("sendInitialEvents") && stream.bookmarks {
        let end = stream.bookmark(json!({"k8s.io/initial-events-end": "true"}));
        stream.lines.push_back(end);
    }
    let frames = futures_util::stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(line)), stream))
    });
    Ok(response(200, StreamBody::new(frames).boxed_unsync()))
}

struct WatchStream {
    watch: StoreWatch,
    selectors: ObjectSelectors,
    target: ResourceTarget,
    lines: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    ended: bool,
}

impl WatchStream {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                biased;
                changes = self.watch.next() => self.queue(changes),
                () = &mut self.end => {
                    // The last bookmark lets the client resume from here after a quiet time.
                    self.ended = true;
                    self.queue_bookmark();
                }
                () = &mut self.next_bookmark => {
                    self.next_bookmark = Box::pin(tokio::time::sleep(BOOKMARK_EVERY));
                    self.queue_bookmark();
                }
            }
        }
    }

    fn queue(&mut self, changes: Result<Vec<ObjectChange>, ApiError>) {
        match changes {
            Ok(changes) => {
                for change in changes {
                    if let Some(kind) = seen_as(&change, &self.selectors) {
                        self.lines.push_back(line(kind, &change.object));
                    }
                }
            }
            Err(error) => {
                self.ended = true;
                self.lines.push_back(line("ERROR", &error.status()));
            }
        }
    }

    fn queue_bookmark(&mut self) {
        if self.bookmarks {
            let bookmark = self.bookmark(json!({}));
            self.lines.push_back(bookmark);
        }
    }

    fn bookmark(&self, annotations: Value) -> Bytes {
        let kind = self.target.kind;
        let mut object = json!({
            "kind": kind.info().kind, "apiVersion": kind.api_version(),
            "metadata": {"resourceVersion": self.watch.version().to_string()},
        });
        if annotations.as_object().is_some_and(|map| !map.is_empty()) {
            object["metadata"]["annotations"] = annotations;
        }
        line("BOOKMARK", &object)
    }
}

/// How a change looks through selectors: an object that stops matching is deleted, one that starts is added.
fn seen_as(change: &ObjectChange, selectors: &ObjectSelectors) -> Option<&'static str> {
    let before = change.previous.as_ref().is_some_and(|object| selectors.matches(object));
    let after = change.verb != ChangeVerb::Deleted && selectors.matches(&change.object);
    match (before, after) {
        (false, true) => Some("ADDED"),
        (true, true) => Some("MODIFIED"),
        (true, false) => Some("DELETED"),
        (false, false) => None,
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}

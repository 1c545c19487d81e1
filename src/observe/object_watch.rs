//! One watch: list, follow, list again after a gap, and record each change and each gap.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::clock::{Clock, Stamp};
use crate::record::entry::{GapSource, ObservationGap, SeenChange};
use crate::record::{Entry, Sink};

/// How long after a failed watch the next attempt is made. Constant and short: a gap in what we know costs more than a
/// request to the API server.
const RETRY: Duration = Duration::from_millis(250);

#[derive(Debug, Clone)]
pub(super) struct WatchRecorder {
    pub(super) clock: Clock,
    pub(super) sink: Sink,
    pub(super) namespace: String,
}

/// Follows all objects that match `selector`, for ever.
pub(super) async fn follow<K>(
    source: GapSource,
    api: Api<K>,
    selector: Option<String>,
    to: WatchRecorder,
    record: impl Fn(Stamp, SeenChange, &K) -> Entry,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = selector.map_or_else(watcher::Config::default, |labels| watcher::Config::default().labels(&labels));
    run(source, watcher(api, config).boxed(), to, record).await;
}

/// Follows one object by name, for ever.
pub(super) fn follow_named(
    source: GapSource,
    api: Api<DynamicObject>,
    name: &str,
    to: WatchRecorder,
    record: impl Fn(Stamp, SeenChange, &DynamicObject) -> Entry + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    run(source, watcher(api, config).boxed(), to, record)
}

type WatchEvents<K> = futures_util::stream::BoxStream<'static, watcher::Result<watcher::Event<K>>>;

async fn run<K>(
    source: GapSource,
    mut events: WatchEvents<K>,
    to: WatchRecorder,
    record: impl Fn(Stamp, SeenChange, &K) -> Entry,
) where
    K: ResourceExt + Clone + Send + 'static,
{
    let mut known: BTreeMap<String, K> = BTreeMap::new();
    let mut listing: Option<BTreeMap<String, K>> = None;
    let mut last_good = to.clock.now();
    let mut failure: Option<String> = None;
    while let Some(event) = events.next().await {
        let at = to.clock.now();
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                failure.get_or_insert_with(|| error.to_string());
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        if let Some(why) = failure.take() {
            let gap = ObservationGap { source, namespace: to.namespace.clone(), from_ns: last_good, to_ns: at, why };
            to.sink.send(Entry::Gap(gap));
        }
        last_good = at;
        match event {
            watcher::Event::Init => listing = Some(BTreeMap::new()),
            watcher::Event::InitApply(object) => {
                note(&to, &record, at, &mut known, &object);
                if let Some(listed) = &mut listing {
                    listed.insert(key(&object), object);
                }
            }
            watcher::Event::InitDone => {
                let listed = listing.take().unwrap_or_default();
                for (_, gone) in known.iter().filter(|(key, _)| !listed.contains_key(*key)) {
                    to.sink.send(record(at, SeenChange::Gone, gone));
                }
                known = listed;
            }
            watcher::Event::Apply(object) => note(&to, &record, at, &mut known, &object),
            watcher::Event::Delete(object) => {
                known.remove(&key(&object));
                to.sink.send(record(at, SeenChange::Gone, &object));
            }
        }
    }
}

fn note<K: ResourceExt + Clone>(
    to: &WatchRecorder,
    record: &impl Fn(Stamp, SeenChange, &K) -> Entry,
    at: Stamp,
    known: &mut BTreeMap<String, K>,
    object: &K,
) {
    let before = known.insert(key(object), object.clone());
    match before {
        // A list after a gap repeats what is known already.
        Some(before) if before.resource_version() == object.resource_version() => {}
        Some(_) => to.sink.send(record(at, SeenChange::Changed, object)),
        None => to.sink.send(record(at, SeenChange::Seen, object)),
    }
}

/// An object that was deleted and recreated under its name is another object.
fn key<K: ResourceExt>(object: &K) -> String {
    object.uid().unwrap_or_else(|| object.name_any())
}

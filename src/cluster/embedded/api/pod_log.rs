//! The log subresource of pods: `container`, `tailLines`, `limitBytes` and `follow`.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::api_request::{RequestQuery, ResourceTarget};
use super::api_server::EmbeddedApi;
use super::body::{ApiBody, response};
use crate::cluster::embedded::store::{ApiError, ObjectKind, Store, meta};
use crate::cluster::embedded::supervise::LogFollow;

/// How often a log that is followed is looked at.
const FOLLOW_POLL: Duration = Duration::from_millis(50);
/// What the API server knows and this does not.
const UNKNOWN: [&str; 6] =
    ["previous", "sinceSeconds", "sinceTime", "timestamps", "insecureSkipTLSVerifyBackend", "stream"];

/// Answers `pods/NAME/log`. Unlike the API server, it goes on serving the log of a pod that is gone for as long as the
/// node keeps it: pods that exit at once are gone here before anybody can ask.
pub(super) fn serve(
    api: &EmbeddedApi,
    target: &ResourceTarget,
    name: &str,
    query: &RequestQuery,
) -> Result<Response<ApiBody>, ApiError> {
    let bad = |detail: String| Err(ApiError::BadRequest { detail });
    if let Some(unknown) = UNKNOWN.into_iter().find(|key| !matches!(query.text(key), "" | "false" | "All")) {
        return bad(format!("the embedded cluster does not support `{unknown}` for logs; remove it"));
    }
    let ns = target.namespace();
    let pod = api.store.get(ObjectKind::Pod, ns, name);
    let kept = api.logs.as_ref().map(|logs| logs.containers(ns, name)).unwrap_or_default();
    let containers: Vec<String> = match &pod {
        Ok(pod) => meta::list(pod, "/spec/containers").iter().map(|one| meta::text(one, "/name").to_owned()).collect(),
        Err(error) if kept.is_empty() => return Err(error.clone()),
        Err(_) => kept.clone(),
    };
    let wanted = match (query.text("container"), containers.as_slice()) {
        ("", [only]) => only.clone(),
        ("", several) => {
            let choice = several.join(" ");
            return bad(format!("a container name must be specified for pod {name}, choose one of: [{choice}]"));
        }
        (wanted, known) if known.iter().any(|known| known == wanted) => wanted.to_owned(),
        (wanted, _) => return bad(format!("container {wanted} is not valid for pod {name}")),
    };
    let Some(logs) = api.logs.as_ref().filter(|_| kept.contains(&wanted)) else {
        return bad(format!("container {wanted:?} in pod {name:?} is waiting to start"));
    };
    let lines = query.number("tailLines")?.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX));
    let (first, follow) = LogFollow::start(&logs.container(ns, name, &wanted), lines);
    let stream = LogStream {
        store: api.store.clone(),
        pod: pod.as_ref().map_or("", |pod| meta::uid(pod)).to_owned(),
        ns: ns.to_owned(),
        name: name.to_owned(),
        container: wanted,
        follow,
        first: Some(first),
        left: query.number("limitBytes")?.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        ended: !query.flag("follow"),
    };
    let frames = futures_util::stream::unfold(stream, |mut stream| async move {
        let bytes = stream.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), stream))
    });
    let mut answer = response(200, StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(answer)
}

struct LogStream {
    store: Store,
    /// The pod's uid; empty if it was gone already.
    pod: String,
    ns: String,
    name: String,
    container: String,
    follow: LogFollow,
    first: Option<Vec<u8>>,
    left: usize,
    ended: bool,
}

impl LogStream {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            // Sent even when it is empty: the answer has begun.
            return Some(self.within(first));
        }
        while !self.ended && self.left > 0 {
            // Asked before the log is read, so that nothing is written in between.
            self.ended = !self.runs();
            let more = self.follow.more();
            if !more.is_empty() {
                return Some(self.within(more));
            }
            if !self.ended {
                tokio::time::sleep(FOLLOW_POLL).await;
            }
        }
        None
    }

    fn within(&mut self, mut bytes: Vec<u8>) -> Bytes {
        bytes.truncate(self.left);
        self.left -= bytes.len();
        bytes.into()
    }

    /// Whether the container still may write.
    fn runs(&self) -> bool {
        let Ok(pod) = self.store.get(ObjectKind::Pod, &self.ns, &self.name) else { return false };
        let statuses = meta::list(&pod, "/status/containerStatuses");
        let own = statuses.iter().find(|status| meta::text(status, "/name") == self.container);
        meta::uid(&pod) == self.pod && own.is_some_and(|status| status["state"]["running"].is_object())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Namespace, Pod};
    use kube::Api as KubeApi;
    use kube::api::{LogParams, PostParams};
    use serde_json::json;

    use super::*;
    use crate::cluster::embedded::ContainerLogs;
    use crate::cluster::embedded::store::{DeleteOptions, WallClock};

    struct LogBench {
        store: Store,
        pods: KubeApi<Pod>,
        logs: ContainerLogs,
        _folder: tempfile::TempDir,
    }

    /// A cluster with the pod `web` of two containers, of which `a` runs and `b` does not yet.
    async fn bench() -> LogBench {
        let folder = tempfile::tempdir().unwrap();
        let logs = ContainerLogs::new(folder.path());
        let store = Store::new(WallClock::system(), 1);
        let client = EmbeddedApi::new(store.clone(), Some(logs.clone())).client();
        let shop: Namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
        KubeApi::all(client.clone()).create(&PostParams::default(), &shop).await.unwrap();
        let pods: KubeApi<Pod> = KubeApi::namespaced(client, "shop");
        let container = |name: &str| json!({"name": name, "image": "i"});
        let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [container("a"), container("b")]}});
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        let _ = store.update_status(ObjectKind::Pod, "shop", "web", |pod| {
            pod["status"]["containerStatuses"] = json!([{"name": "a", "state": {"running": {}}}]);
        });
        let path = logs.container("shop", "web", "a");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        LogBench { store, pods, logs, _folder: folder }
    }

    fn of(container: &str) -> LogParams {
        LogParams { container: Some(container.to_owned()), ..LogParams::default() }
    }

    #[tokio::test]
    async fn the_last_lines_of_one_container_are_served() {
        let bench = bench().await;
        assert_eq!(bench.pods.logs("web", &of("a")).await.unwrap(), "one\ntwo\nthree\n");
        let tail = LogParams { tail_lines: Some(2), ..of("a") };
        assert_eq!(bench.pods.logs("web", &tail).await.unwrap(), "two\nthree\n");
        let few = LogParams { limit_bytes: Some(5), ..of("a") };
        assert_eq!(bench.pods.logs("web", &few).await.unwrap(), "one\nt");
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_refused_as_kubernetes_does() {
        let bench = bench().await;
        let refused = async |pod: &str, wanted: &LogParams| bench.pods.logs(pod, wanted).await.unwrap_err().to_string();
        assert!(refused("web", &LogParams::default()).await.contains("choose one of: [a b]"));
        assert!(refused("web", &of("c")).await.contains("container c is not valid for pod web"));
        assert!(refused("web", &of("b")).await.contains("waiting to start"));
        assert!(refused("other", &of("a")).await.contains("\"other\" not found"));
        let since = LogParams { since_seconds: Some(1), ..of("a") };
        assert!(refused("web", &since).await.contains("does not support `sinceSeconds`"));
    }

    #[tokio::test]
    async fn a_log_is_followed_to_the_end_of_its_container_and_outlives_the_pod() {
        use std::io::Write;
        let bench = bench().await;
        let follow = LogParams { follow: true, tail_lines: Some(1), ..of("a") };
        let pods = bench.pods.clone();
        let following = tokio::spawn(async move { pods.logs("web", &follow).await.unwrap() });
        tokio::time::sleep(FOLLOW_POLL * 2).await;
        assert!(!following.is_finished(), "the container runs");
        let path = bench.logs.container("shop", "web", "a");
        std::fs::File::options().append(true).open(&path).unwrap().write_all(b"last\n").unwrap();
        bench.store.delete(ObjectKind::Pod, "shop", "web", &DeleteOptions::grace(0)).unwrap();
        let text = tokio::time::timeout(Duration::from_secs(10), following).await.unwrap().unwrap();
        assert_eq!(text, "three\nlast\n");
        assert_eq!(bench.pods.logs("web", &of("a")).await.unwrap(), "one\ntwo\nthree\nlast\n");
    }
}

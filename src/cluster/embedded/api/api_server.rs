//! From a request to a response: which verb on which resource.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::{Value, json};

use super::api_request::{RequestQuery, ResourceTarget};
use super::body::{self, ApiBody};
use super::last_applied::LastApplied;
use super::mutate::{Mutation, PatchType};
use super::{discovery, disruption_budget, mutate, pod_log, watch_stream};
use crate::cluster::embedded::ContainerLogs;
use crate::cluster::embedded::store::{ApiError, DeleteOptions, ObjectKind, Store, meta};

/// The API of one embedded cluster. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedApi {
    pub(super) store: Store,
    pub(super) applied: Arc<LastApplied>,
    pub(super) addresses: Arc<std::sync::atomic::AtomicU32>,
    pub(super) logs: Option<ContainerLogs>,
}

impl EmbeddedApi {
    pub(crate) fn new(store: Store, logs: Option<ContainerLogs>) -> Self {
        Self { store, applied: Arc::default(), addresses: Arc::default(), logs }
    }

    /// A client of this API, whose default namespace is `default`.
    ///
    /// # Panics
    /// Outside a tokio runtime, because kube starts a task for the client.
    pub(crate) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.handle(request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Answers one request. Errors are answers too: `Status` bodies.
    pub(crate) async fn handle<B>(&self, request: Request<B>) -> Response<ApiBody>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self.answer(request).await {
            Ok(response) => response,
            Err(error) => body::json(error.code(), &error.status()),
        }
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Response<ApiBody>, ApiError>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if head.method == Method::GET
            && let Some(answer) = discovery::answer(path)
        {
            return Ok(body::json(200, &answer));
        }
        let target = ResourceTarget::parse(path)?;
        let query = RequestQuery::parse(head.uri.query().unwrap_or_default());
        if head.method == Method::GET {
            return self.read(&target, &query, path);
        }
        if !query.text("dryRun").is_empty() {
            let detail = "the embedded cluster does not support dryRun; remove it".to_owned();
            return Err(ApiError::BadRequest { detail });
        }
        let content = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let patch_type = if head.method == Method::PATCH { Some(PatchType::parse(content)?) } else { None };
        let body = body::read(body).await?;
        let (code, answer) = self.write(&head.method, path, &target, &query, patch_type, body)?;
        Ok(body::json(code, &answer))
    }

    fn read(&self, target: &ResourceTarget, query: &RequestQuery, path: &str) -> Result<Response<ApiBody>, ApiError> {
        let Some(name) = target.name.as_deref() else {
            return if query.flag("watch") {
                watch_stream::serve(&self.store, target, query)
            } else {
                Ok(body::json(200, &self.list(target, query)?))
            };
        };
        if target.kind == ObjectKind::Pod && target.sub.as_deref() == Some("log") {
            return pod_log::serve(self, target, name, query);
        }
        let object = self.store.get(target.kind, target.namespace(), name)?;
        match target.sub.as_deref() {
            None => Ok(body::json(200, &object)),
            Some("status") if target.kind.info().has_status => Ok(body::json(200, &object)),
            Some("scale") if mutate::scales(target.kind) => Ok(body::json(200, &mutate::scale_of(&object))),
            Some(_) => Err(ApiError::NoResource { path: path.to_owned() }),
        }
    }

    fn list(&self, target: &ResourceTarget, query: &RequestQuery) -> Result<Value, ApiError> {
        let selectors = query.selectors(target.kind)?;
        let (objects, version) = self.store.list_shared(target.kind, target.ns.as_deref());
        let items: Vec<&Value> = objects.iter().map(|object| &**object).filter(|o| selectors.matches(o)).collect();
        Ok(json!({
            "kind": format!("{}List", target.kind.info().kind), "apiVersion": target.kind.api_version(),
            "metadata": {"resourceVersion": version.to_string()}, "items": items,
        }))
    }

    fn write(
        &self,
        method: &Method,
        path: &str,
        target: &ResourceTarget,
        query: &RequestQuery,
        patch_type: Option<PatchType>,
        body: Value,
    ) -> Result<(u16, Value), ApiError> {
        let denied = || ApiError::MethodNotAllowed { method: method.to_string(), path: path.to_owned() };
        let mutation = Mutation { api: self, target, manager: query.text("fieldManager") };
        match (method.as_str(), target.name.as_deref(), target.sub.as_deref()) {
            ("POST", None, None) if target.kind.info().namespaced == target.ns.is_some() => {
                mutation.create(body).map(|object| (201, object))
            }
            ("POST", Some(name), Some("eviction")) if target.kind == ObjectKind::Pod => {
                self.evict(target, name, query, &body).map(|status| (201, status))
            }
            ("PUT", Some(name), sub) => mutation.replace(name, sub, path, body).map(|object| (200, object)),
            ("PATCH", Some(name), sub) => {
                let Some(patch_type) = patch_type else { return Err(denied()) };
                mutation.patch(name, sub, path, patch_type, &body)
            }
            ("DELETE", Some(name), None) => {
                let options = query.delete_options(&body)?;
                self.delete(target, name, &options).map(|object| (200, object))
            }
            ("DELETE", None, None) if target.kind != ObjectKind::Namespace => {
                self.delete_collection(target, query, &body).map(|list| (200, list))
            }
            _ => Err(denied()),
        }
    }

    fn delete(&self, target: &ResourceTarget, name: &str, options: &DeleteOptions) -> Result<Value, ApiError> {
        let last = self.store.delete(target.kind, target.namespace(), name, options)?;
        // Kinds with a grace answer with the object, the others with a Status.
        if matches!(target.kind, ObjectKind::Pod | ObjectKind::Namespace) {
            return Ok(last);
        }
        let info = target.kind.info();
        Ok(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": name, "group": info.group, "kind": info.plural, "uid": meta::uid(&last)},
        }))
    }

    fn delete_collection(
        &self,
        target: &ResourceTarget,
        query: &RequestQuery,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let options = query.delete_options(body)?;
        let list = self.list(target, query)?;
        for object in meta::list(&list, "/items") {
            // Garbage collection may have removed it together with its owner.
            let _ = self.store.delete(target.kind, meta::namespace(object), meta::name(object), &options);
        }
        Ok(list)
    }

    /// The eviction subresource: a deletion, unless a disruption budget stands against it.
    fn evict(
        &self,
        target: &ResourceTarget,
        name: &str,
        query: &RequestQuery,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let options = query.delete_options(&body["deleteOptions"])?;
        let pod = self.store.get(ObjectKind::Pod, target.namespace(), name)?;
        let list = |kind| self.store.list_shared(kind, target.ns.as_deref()).0;
        let budgets = list(ObjectKind::PodDisruptionBudget);
        if !disruption_budget::allowed(&pod, &budgets, &list(ObjectKind::Pod), &list(ObjectKind::ReplicaSet)) {
            return Err(ApiError::EvictionBlocked { name: name.to_owned() });
        }
        self.store.delete(ObjectKind::Pod, target.namespace(), name, &options)?;
        Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
    }
}

//! Why a patch cannot be applied.

/// Why a patch cannot be applied. The target is then left as it was. `path` is the place in the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("applying a patch: {what} is {found}, expected a mapping")]
    NotAMapping { what: &'static str, found: &'static str },
    #[error(
        "applying a strategic merge patch to a {kind} of {api_version}: merge keys are known only for built-in kinds; make this change in the manifest itself"
    )]
    CustomResource { kind: String, api_version: String },
    #[error("applying a patch: {path} has `$patch: {found}`, expected `delete` or `replace`")]
    BadDirective { path: String, found: String },
    #[error("applying a patch: {path} is {found}, expected a list")]
    NotAList { path: String, found: &'static str },
    #[error("applying a patch: {path} sets `{key}` but its `$retainKeys` does not list it; add it to that list")]
    NotRetained { path: String, key: String },
    #[error("applying a patch: an element of {path} has no `{key}`, which this list is merged by; add it")]
    NoMergeKey { path: String, key: &'static str },
    #[error("applying a patch: an element of {path} is {found}, expected a mapping with `{key}`")]
    NotAnObject { path: String, found: &'static str, key: &'static str },
}

//! Why a patch cannot be applied.

/// Why a patch cannot be applied. The target is then left as it was. `path` is the place in the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A patch or its target is not a mapping.
    #[error("applying a patch: {what} is {found}, expected a mapping")]
    NotAMapping {
        /// `the patch` or `the object`.
        what: &'static str,
        /// What it is instead.
        found: &'static str,
    },
    /// The API server knows merge keys only for its own kinds.
    #[error(
        "applying a strategic merge patch to a {kind} of {api_version}: merge keys are known only for built-in kinds; make this change in the manifest itself"
    )]
    CustomResource {
        /// The object's kind.
        kind: String,
        /// The object's group and version.
        api_version: String,
    },
    /// A `$patch` that does not exist, or not here.
    #[error("applying a patch: {path} has `$patch: {found}`, expected `delete` or `replace`")]
    BadDirective {
        /// Where.
        path: String,
        /// What stands there.
        found: String,
    },
    /// A directive whose value has the wrong form.
    #[error("applying a patch: {path} is {found}, expected a list")]
    NotAList {
        /// Where.
        path: String,
        /// What it is instead.
        found: &'static str,
    },
    /// `$retainKeys` does not list a key that the patch itself sets.
    #[error("applying a patch: {path} sets `{key}` but its `$retainKeys` does not list it; add it to that list")]
    NotRetained {
        /// Where.
        path: String,
        /// The key that is missing.
        key: String,
    },
    /// An element of a merged list has no merge key, so that it matches nothing.
    #[error("applying a patch: an element of {path} has no `{key}`, which this list is merged by; add it")]
    NoMergeKey {
        /// The list.
        path: String,
        /// The merge key.
        key: &'static str,
    },
    /// An element of a list that is merged by key is not a mapping.
    #[error("applying a patch: an element of {path} is {found}, expected a mapping with `{key}`")]
    NotAnObject {
        /// The list.
        path: String,
        /// What the element is instead.
        found: &'static str,
        /// The merge key.
        key: &'static str,
    },
}

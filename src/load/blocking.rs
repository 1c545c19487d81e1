//! Starting a load, waiting for its end and the preflight block their caller; from inside a runtime they go here.

/// Runs what blocks on a thread that may. A panic of it goes on here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

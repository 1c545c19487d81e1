//! Keeps every core busy while programs run. It must not know what runs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rollproof::clock::{Clock, saturating_ns};

/// The name of their threads.
pub(crate) const NAME: &str = "hog";

/// Threads that spin, one for each core. They are no processes, so that nothing which ends this program leaves one behind.
pub(crate) struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<bool>>,
}

impl Hogs {
    /// Starts them. They end with this value, at the latest after `longest`.
    pub(crate) fn start(longest: Duration) -> Result<Self, String> {
        let mut hogs = Self { stop: Arc::default(), threads: Vec::new() };
        for _ in 0..cores() {
            let stop = Arc::clone(&hogs.stop);
            let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || spin(&stop, longest));
            hogs.threads.push(thread.map_err(|error| format!("starting a thread that keeps a core busy: {error}"))?);
        }
        Ok(hogs)
    }

    /// Ends them; false if their time was over before.
    pub(crate) fn stop(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        let mut stopped = true;
        for thread in self.threads.drain(..) {
            stopped &= thread.join().unwrap_or(false);
        }
        stopped
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.end();
    }
}

/// The cores that this program may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Whether it was stopped before its time was over.
fn spin(stop: &AtomicBool, longest: Duration) -> bool {
    let clock = Clock::start();
    let mut value = 1_u64;
    while clock.now() < saturating_ns(longest) {
        if stop.load(Ordering::Relaxed) {
            return true;
        }
        // Arithmetic and no pause instruction, which a hypervisor may take for leave to run somebody else.
        for _ in 0..10_000 {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    false
}

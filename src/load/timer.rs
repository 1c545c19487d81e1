//! One timer of the kernel that paces the load. A runtime's own timers round up to whole milliseconds, a timerfd does
//! not. Linux only.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub(super) struct KernelTimer {
    fd: AsyncFd<TimerDescriptor>,
}

struct TimerDescriptor(TimerFd);

impl AsRawFd for TimerDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl KernelTimer {
    pub(super) fn new() -> io::Result<Self> {
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "the replacement is unsafe; `Fd` owns one open descriptor, which is what that asks"
        )]
        let fd = AsyncFd::with_interest(TimerDescriptor(fd), Interest::READABLE)?;
        Ok(Self { fd })
    }

    /// Waits for `wait`, at least a microsecond (a timerfd set to zero never fires).
    ///
    /// The expiry is not read from the descriptor: setting the timer anew clears it, and the runtime's edge-triggered
    /// poll reports each expiry once. That saves a system call for each wake-up.
    pub(super) async fn wait(&self, wait: Duration) -> io::Result<()> {
        let wait = wait.max(Duration::from_micros(1));
        self.fd.get_ref().0.set(Expiration::OneShot(wait.into()), TimerSetTimeFlags::empty())?;
        self.fd.readable().await?.clear_ready();
        Ok(())
    }
}

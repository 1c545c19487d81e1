//! Which misfortune, and when, by a seed. It must not know how a run fares.

use std::fmt;
use std::time::Duration;

use nix::sys::signal::Signal;
use rollproof::rng::Rng;

/// A run without one takes about so long.
const RUN: f64 = 9.0;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Blow {
    /// The program gets this signal.
    Signal(Signal),
    /// The program stands still for so long.
    Frozen(Duration),
    /// The main process of a container is killed.
    ContainerKilled,
    /// It stands still for so long.
    ContainerFrozen(Duration),
    /// A container's supervisor is killed.
    SupervisorKilled,
    /// The folder of the run is taken away.
    FolderGone,
    /// The disk holds so many KiB.
    FullDisk(u32),
    /// No file may be longer than so many KiB.
    FileLimit(u32),
    /// The program may have so many descriptors.
    FewDescriptors(u32),
}

/// What happens, and how long after the program was started; what is a limit holds from the start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Misfortune {
    pub(crate) blow: Blow,
    pub(crate) after: Duration,
    /// Which of several processes it strikes.
    pub(crate) which: usize,
}

impl Misfortune {
    pub(crate) const fn kind(&self) -> &'static str {
        match self.blow {
            Blow::Signal(signal) => signal.as_str(),
            Blow::Frozen(_) => "the program stands still",
            Blow::ContainerKilled => "a container is killed",
            Blow::ContainerFrozen(_) => "a container stands still",
            Blow::SupervisorKilled => "a supervisor is killed",
            Blow::FolderGone => "the folder is taken away",
            Blow::FullDisk(_) => "a full disk",
            Blow::FileLimit(_) => "a limit on files' lengths",
            Blow::FewDescriptors(_) => "a limit on descriptors",
        }
    }
}

impl fmt::Display for Misfortune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        let after = self.after.as_secs_f64();
        match self.blow {
            Blow::Frozen(time) | Blow::ContainerFrozen(time) => {
                write!(f, " for {:.1} s after {after:.2} s", time.as_secs_f64())
            }
            Blow::FullDisk(kib) | Blow::FileLimit(kib) => write!(f, " ({kib} KiB)"),
            Blow::FewDescriptors(most) => write!(f, " ({most})"),
            _ => write!(f, " after {after:.2} s"),
        }
    }
}

/// Equal seeds give equal misfortunes.
pub(crate) fn draw(seed: u64) -> Misfortune {
    let mut rng = Rng::stream(seed, "misfortune");
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGKILL];
    let time = Duration::from_secs_f64(0.05 + 6.0 * rng.unit() * rng.unit());
    let blow = match rng.below(14) {
        0..5 => Blow::Signal(signals[rng.below(signals.len())]),
        5 => Blow::Frozen(time),
        6 | 7 => Blow::ContainerKilled,
        8 => Blow::ContainerFrozen(time),
        9 => Blow::SupervisorKilled,
        10 => Blow::FolderGone,
        11 => Blow::FullDisk(kib(&mut rng)),
        12 => Blow::FileLimit(kib(&mut rng)),
        _ => Blow::FewDescriptors(u32::try_from(8 + rng.below(120)).unwrap()),
    };
    let after = Duration::from_secs_f64(RUN * rng.unit());
    Misfortune { blow, after, which: rng.below(1_000) }
}

/// Evenly by its logarithm, because what a run writes in its course grows.
fn kib(rng: &mut Rng) -> u32 {
    let sizes = [4, 8, 16, 32, 64, 96, 128, 192, 256, 512, 1_024, 4_096];
    sizes[rng.below(sizes.len())]
}

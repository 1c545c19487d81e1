//! The machine: pinning, and a line that says what it is.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The core of every client.
pub(crate) const CLIENT_CORE: usize = 1;

/// Pins this thread, and every process that it starts from now on, to one core.
pub(crate) fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core).unwrap();
    if let Err(error) = sched_setaffinity(Pid::from_raw(0), &set) {
        println!("not pinned to core {core}: {error}");
    }
}

/// The processor, its cores, and the kernel.
pub(crate) fn line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("machine: {}, {cores} cores, Linux {}", model.trim_start_matches(['\t', ' ', ':']), kernel.trim())
}

/// The seconds that a core was busy, over all processes, since the machine started. The kernel samples them at its tick, so
/// they are rough over short times.
pub(crate) fn busy_s(core: usize) -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(name.as_str())).unwrap_or_default();
    let ticks = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    // user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5)), in hundredths of a second.
    ticks.enumerate().filter(|(i, _)| matches!(i, 0..=2 | 5..=7)).map(|(_, ticks)| ticks / 100.0).sum()
}

/// The load average of the last minute.
pub(crate) fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// The median; of an even number the higher of the middle two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least, the median and the most.
pub(crate) fn spread(values: &[f64]) -> [f64; 3] {
    let bound = |chosen: fn(f64, f64) -> f64| values.iter().copied().reduce(chosen).unwrap_or(f64::NAN);
    [bound(f64::min), median(values.to_vec()), bound(f64::max)]
}

//! The kernel's signal rule for PID 1 of a pid namespace, for places where there is no such namespace: a signal
//! without a handler is not delivered (`signal(7)` and `pid_namespaces(7)`; `kernel/signal.c`, `sig_task_ignored`).

use nix::sys::signal::Signal;

/// Whether `signal` has an effect on a PID 1 whose `/proc/PID/status` is `status`: it catches the signal, or the
/// signal is SIGKILL or SIGSTOP, which reach PID 1 from outside its namespace. An ignored signal has none anyway.
pub(super) fn reaches_pid_1(status: &str, signal: i32) -> bool {
    if signal == Signal::SIGKILL as i32 || signal == Signal::SIGSTOP as i32 {
        return true;
    }
    let Some(bit) = u32::try_from(signal - 1).ok().and_then(|shift| 1u64.checked_shl(shift)) else { return false };
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|caught| caught & bit != 0)
}

/// The number of a stop signal as manifests and Dockerfiles write it: `SIGTERM`, `TERM` or `15`. Real-time signals
/// are not supported and give nothing.
pub(crate) fn number(name: &str) -> Option<i32> {
    let name = name.trim().to_ascii_uppercase();
    if let Ok(number) = name.parse::<i32>() {
        return Signal::try_from(number).ok().map(|signal| signal as i32);
    }
    let plain = name.strip_prefix("SIG").unwrap_or(&name);
    format!("SIG{plain}").parse::<Signal>().ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 0x4002 is SIGINT (2) and SIGTERM (15).
    const CATCHES_TERM: &str = "Name:\tsh\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000004002\n";
    const CATCHES_NOTHING: &str = "Name:\tsh\nSigIgn:\t0000000000004000\nSigCgt:\t0000000000000000\n";

    #[test]
    fn a_caught_signal_reaches_pid_1_and_one_without_handler_does_not() {
        assert!(reaches_pid_1(CATCHES_TERM, 15));
        assert!(!reaches_pid_1(CATCHES_NOTHING, 15));
        assert!(!reaches_pid_1(CATCHES_TERM, 1));
        assert!(!reaches_pid_1("", 15));
        assert!(!reaches_pid_1(CATCHES_TERM, 0));
    }

    #[test]
    fn kill_always_reaches_it() {
        assert!(reaches_pid_1(CATCHES_NOTHING, 9));
        assert!(reaches_pid_1("", 9));
    }

    #[test]
    fn stop_signals_are_read_as_manifests_and_dockerfiles_write_them() {
        for (text, signal) in [("SIGTERM", 15), ("TERM", 15), ("15", 15), ("sigwinch", 28)] {
            assert_eq!(number(text), Some(signal), "{text}");
        }
        for text in ["SIGNOTHING", "0", "64", "-1", "", "SIGRTMIN+3"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}

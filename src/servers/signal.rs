//! Signals as `kill`, `pkill` and `killall` write them.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Signal 0 asks whether a process is there, and sends nothing (`kill(2)`).
    Nothing,
    Hup,
    Int,
    Quit,
    Kill,
    Usr1,
    Usr2,
    Term,
    Winch,
    Other,
}

/// The signals that the table of servers tells apart, with their numbers on x86 and ARM (`signal(7)`).
const TOLD_APART: [(&str, &str, Signal); 9] = [
    ("0", "0", Signal::Nothing),
    ("1", "HUP", Signal::Hup),
    ("2", "INT", Signal::Int),
    ("3", "QUIT", Signal::Quit),
    ("9", "KILL", Signal::Kill),
    ("10", "USR1", Signal::Usr1),
    ("12", "USR2", Signal::Usr2),
    ("15", "TERM", Signal::Term),
    ("28", "WINCH", Signal::Winch),
];

/// The rest of `signal(7)`.
const OTHERS: [&str; 23] = [
    "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "SEGV", "PIPE", "ALRM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP",
    "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR",
];

/// The signal that the words after `kill`, `pkill` or `killall` name: `-QUIT`, `-3`, `-s QUIT`, `-n 3`, `--signal QUIT`,
/// `--signal=QUIT`. SIGTERM where they name none.
pub(super) fn sent(words: &[&str]) -> Signal {
    for (at, word) in words.iter().enumerate() {
        let named = match *word {
            "-s" | "-n" | "--signal" => words.get(at + 1).and_then(|name| by_name(name)),
            word => by_name(word.strip_prefix("--signal=").or_else(|| word.strip_prefix('-')).unwrap_or_default()),
        };
        if let Some(signal) = named {
            return signal;
        }
    }
    Signal::Term
}

/// A signal by its number or its name, with or without `SIG`.
fn by_name(text: &str) -> Option<Signal> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let told_apart = TOLD_APART.iter().find(|(number, known, _)| name == *number || name == *known);
    told_apart.map(|(.., signal)| *signal).or_else(|| {
        let number = name.parse::<u8>().is_ok_and(|number| number <= 64);
        (number || OTHERS.contains(&name) || name.starts_with("RTM")).then_some(Signal::Other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_naming_a_signal_is_read() {
        for (text, signal) in [
            ("-QUIT 1", Signal::Quit),
            ("-SIGQUIT 1", Signal::Quit),
            ("-3 1", Signal::Quit),
            ("-s QUIT 1", Signal::Quit),
            ("-s sigquit 1", Signal::Quit),
            ("-n 3 1", Signal::Quit),
            ("--signal QUIT -f gunicorn", Signal::Quit),
            ("--signal=SIGQUIT gunicorn", Signal::Quit),
            ("-o -QUIT -P 7", Signal::Quit),
            ("-WINCH httpd", Signal::Winch),
            ("-28 1", Signal::Winch),
            ("-USR1 1", Signal::Usr1),
            ("-9 1", Signal::Kill),
            ("-0 1", Signal::Nothing),
            ("-TTIN 1", Signal::Other),
            ("-35 1", Signal::Other),
            ("1", Signal::Term),
            ("-TERM -1", Signal::Term),
            ("-f gunicorn", Signal::Term),
            ("", Signal::Term),
        ] {
            assert_eq!(sent(&text.split_whitespace().collect::<Vec<_>>()), signal, "{text}");
        }
    }
}

//! The flags of `rollproof target`. Each can be set by an environment variable, as containers like it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::duration;

/// The port when none is given.
const DEFAULT_PORT: u16 = 8080;

/// An HTTP server whose start and stop behaviour is chosen by flags.
///
/// Paths: `/` a small body; `/ready` 200, or 503 until --ready-delay has passed; `/slow?ms=N` answers after N ms (at
/// most 600000); `/body?bytes=N` a body of known length and `/chunked?bytes=N` one in chunks (at most 64 MiB; `&ms=N`
/// pauses in the middle); `/status?code=N` that status, and `/status` that of --status; POST `/echo` the
/// request's body (at most 1 MiB).
///
/// SIGQUIT begins a drain whatever --on-term says, as nginx's does; with `--on-term exit` a SIGTERM then cuts the drain.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TargetArgs {
    /// Address to listen on [default: --pod-ip and --port]
    #[arg(long, env = "ROLLPROOF_TARGET_LISTEN", value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address to listen on where --listen is not given [default: 0.0.0.0]
    #[arg(long, env = "ROLLPROOF_POD_IP", value_name = "IP")]
    pub(crate) pod_ip: Option<IpAddr>,
    /// Port to listen on where --listen is not given [default: 8080]
    #[arg(long, env = "ROLLPROOF_PORT")]
    pub port: Option<u16>,
    /// Value of the X-Pod header of every answer [default: $HOSTNAME]
    #[arg(long, env = "ROLLPROOF_POD_NAME", value_name = "NAME")]
    pub pod: Option<String>,
    /// Wait this long before listening
    #[arg(long, env = "ROLLPROOF_TARGET_START_DELAY", value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub(crate) start_delay: Duration,
    /// Listen, but answer /ready with 503 for this long
    #[arg(long, env = "ROLLPROOF_TARGET_READY_DELAY", value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub(crate) ready_delay: Duration,
    /// For this long after listening began, delay each answer by what is left of it, at most 1s
    #[arg(long, env = "ROLLPROOF_TARGET_SLOW_START", value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub slow_start: Duration,
    /// What /status answers where it is asked for no code, so that one version can fail where another did not
    #[arg(long, env = "ROLLPROOF_TARGET_STATUS", value_name = "CODE", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: u16,
    /// What to do on SIGTERM
    #[arg(long, env = "ROLLPROOF_TARGET_ON_TERM", value_enum, default_value_t = OnTerm::Drain)]
    pub on_term: OnTerm,
    /// With `--on-term drain`: go on accepting connections (and being ready) for this long after SIGTERM
    #[arg(long, env = "ROLLPROOF_TARGET_DRAIN_KEEPS_LISTENING", value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub(crate) drain_keeps_listening: Duration,
    /// With `--on-term drain`: cut what is not answered this long after the listener closed
    #[arg(long, env = "ROLLPROOF_TARGET_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10m", value_parser = duration::parse)]
    pub(crate) drain_timeout: Duration,
    /// Append what this server accepted, read, answered and cut to this file, as JSON lines
    #[arg(long, env = "ROLLPROOF_TRUTH_FILE", value_name = "FILE")]
    pub(crate) truth_file: Option<PathBuf>,
}

/// What a server does when it is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnTerm {
    /// Exit at once with code 0; what is in flight is cut.
    Exit,
    /// Close the listener, answer what is in flight, close idle connections in order, then exit with code 0.
    Drain,
    /// Go on as before; only SIGKILL ends it.
    Ignore,
    /// Answer every request with 503 from then on; only SIGKILL ends it.
    Shed,
}

impl TargetArgs {
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| {
            let ip = self.pod_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            SocketAddr::new(ip, self.port.unwrap_or(DEFAULT_PORT))
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct TestCli {
        #[command(flatten)]
        target: TargetArgs,
    }

    fn parse(args: &[&str]) -> Result<TargetArgs, clap::Error> {
        TestCli::try_parse_from(std::iter::once(&"target").chain(args)).map(|cli| cli.target)
    }

    #[test]
    fn a_pod_address_and_port_are_where_it_listens_unless_told() {
        let pod = ["--pod-ip", "127.4.5.6", "--port", "9000"];
        assert_eq!(parse(&pod).unwrap().address(), "127.4.5.6:9000".parse().unwrap());
        let told = [&pod[..], &["--listen", "127.0.0.1:81"]].concat();
        assert_eq!(parse(&told).unwrap().address(), "127.0.0.1:81".parse().unwrap());
        assert_eq!(parse(&[]).unwrap().address(), "0.0.0.0:8080".parse().unwrap());
    }

    #[test]
    fn wrong_values_are_refused() {
        assert!(parse(&["--start-delay", "3"]).is_err());
        assert!(parse(&["--on-term", "explode"]).is_err());
        assert!(parse(&["--listen", "localhost"]).is_err());
    }
}

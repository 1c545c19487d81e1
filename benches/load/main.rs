//! What the load engine costs and how punctual it is, next to `oha` and `wrk` where they are on PATH.
//!
//! `cargo bench --bench load` (about eight minutes), `-- --quick` (about two), `-- --long` (ten minutes of memory),
//! `-- --limit`, `-- --tls` and `-- --memory` (only these).
//!
//! Method. A plain HTTP server runs in a child process pinned to core 0; every client runs in a child process pinned to
//! core 1, helper threads included, so CPU seconds (getrusage of the waited child) are all that a client costs. The
//! clients take turns against the same server, three rounds; figures are medians.
//!
//! "At the limit" of one core: every client is a closed loop over 50 connections, each request followed by the next when
//! its response is complete. For the engine that is `load::saturate`, which differs from a load in nothing but what
//! decides when an attempt is sent: each is planned, classified and counted, and the record is written to a file. An open
//! loop cannot be pushed to the limit: just below it the core is idle at times, and sleeping and waking costs too.
//!
//! Over TLS, the engine and oha take turns in pairs, and each pair gives a ratio. Both trust the CA that signed the server's
//! certificate. The server counts its handshakes by what was agreed on, so that both are seen to do the same.
//!
//! The load average (of the last minute, the bench itself included) stands with each table, and what other processes took
//! of the client's core with each row: a busy machine shows in the lag's 99th percentile first. At 1,000 a second there
//! are three times the rounds, and the third of them that others disturbed least is shown apart.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its measurements")]

mod client;
mod machine;
mod server;

use client::{Figures, Rivals};
use machine::median;
use server::{Server, ServerKind};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    match args.first().map(String::as_str) {
        Some("serve") => return server::serve(&args[1..]),
        Some("drive") => return client::drive(&args[1..]),
        // `cargo bench` says so; `cargo test --benches` does not, and only wants to see that it runs.
        _ if !has("--bench") => return,
        _ => {}
    }
    let rounds = if has("--quick") { 1 } else { 3 };
    let memory_s = if has("--long") {
        600
    } else if has("--quick") {
        15
    } else {
        60
    };
    println!("{}", machine::line());
    let server = Server::start(ServerKind::Plain);
    let rivals = Rivals::on_path();
    machine::pin(machine::CLIENT_CORE);
    if has("--limit") {
        return ["reused", "new"].into_iter().for_each(|arm| limit(&server, arm, rounds, &rivals));
    }
    if has("--tls") {
        return secured(3 * rounds, &rivals);
    }
    if !has("--memory") {
        punctuality(&server, rounds);
        for arm in ["reused", "new"] {
            limit(&server, arm, rounds, &rivals);
        }
        fixed(&server, 5_000, rounds, &rivals);
        fixed(&server, 20_000, rounds, &rivals);
        secured(3 * rounds, &rivals);
    }
    client::memory(&server, memory_s);
}

fn show(name: &str, figures: &[Figures]) {
    let of = |f: fn(&Figures) -> f64| median(figures.iter().map(f).collect());
    println!(
        "  {name:<22} {:>9.0} req/s  {:>7.3} CPU-s/100k  {:>6.1} % CPU  lag us p50 {:>5.0} p99 {:>6.0} max {:>7.0}  not ok {}  others about {:.0} %",
        of(|f| f.rate),
        of(|f| f.cpu_s_per_100k),
        of(|f| f.cpu_percent),
        of(|f| f.lag_p50_us),
        of(|f| f.lag_p99_us),
        of(|f| f.lag_max_us),
        figures.iter().map(|f| f.not_ok).sum::<u64>(),
        of(|f| f.others_percent),
    );
}

fn punctuality(server: &Server, rounds: usize) {
    println!("1,000 requests a second; load average {}", machine::load_average());
    for arm in ["reused", "blind", "new", "pooled"] {
        let mut runs: Vec<_> = (0..3 * rounds).map(|_| client::engine(server, arm, 1_000, 3)).collect();
        show(&format!("rollproof {arm}"), &runs);
        // Lag is about an idle core, and the core is not only ours.
        runs.sort_by(|a, b| a.others_percent.total_cmp(&b.others_percent));
        show("  its quietest rounds", &runs[..rounds]);
    }
}

fn limit(server: &Server, arm: &str, rounds: usize, rivals: &Rivals) {
    let keep_alive = arm != "new";
    let connections = if keep_alive { "keep-alive" } else { "a connection for each request" };
    println!("at the limit of one core, {connections}; load average {}", machine::load_average());
    let mut engine = Vec::new();
    let mut others: Vec<(&str, Vec<Figures>)> = rivals.names().map(|name| (name, Vec::new())).collect();
    for _ in 0..rounds {
        engine.push(client::saturated(server, arm, 3));
        for (name, runs) in &mut others {
            runs.extend(rivals.run(name, server, keep_alive, None, 3));
        }
    }
    show(&format!("rollproof {arm}"), &engine);
    for (name, runs) in &others {
        if runs.is_empty() {
            println!("  {name:<22} not measured");
        } else {
            show(name, runs);
        }
    }
}

fn fixed(server: &Server, rate: u32, rounds: usize, rivals: &Rivals) {
    println!("{rate} requests a second, keep-alive; load average {}", machine::load_average());
    let mut engine = Vec::new();
    let mut oha = Vec::new();
    for _ in 0..rounds {
        engine.push(client::engine(server, "reused", rate, 5));
        oha.extend(rivals.run("oha", server, true, Some(rate), 5));
    }
    show("rollproof reused", &engine);
    if !oha.is_empty() {
        show("oha", &oha);
    }
}

/// At the limit of one core over TLS, in pairs of the engine and oha.
fn secured(pairs: usize, rivals: &Rivals) {
    for (kind, arm, what) in [
        (ServerKind::Tls, "new", "a connection and a full handshake for each request"),
        (ServerKind::Tls, "reused", "keep-alive"),
        (
            ServerKind::TlsWithSessions,
            "new",
            "a connection for each request, to a server that offers to resume sessions",
        ),
    ] {
        let mut server = Server::start(kind);
        machine::pin(machine::CLIENT_CORE);
        println!("TLS at the limit of one core, {what}; load average {}", machine::load_average());
        paired(&mut server, arm, pairs, rivals);
    }
}

fn paired(server: &mut Server, arm: &str, pairs: usize, rivals: &Rivals) {
    let (mut engine, mut oha, mut handshakes) = (Vec::new(), Vec::new(), [String::new(), String::new()]);
    for pair in 0..pairs {
        // Neither is always the first of a pair.
        for is_oha in [pair % 2 == 1, pair % 2 == 0] {
            if is_oha {
                oha.extend(rivals.run("oha", server, arm != "new", None, 3));
            } else {
                engine.push(client::saturated(server, arm, 3));
            }
            handshakes[usize::from(is_oha)] = server.handshakes();
        }
    }
    for (name, figures, handshakes) in [("rollproof", &engine, &handshakes[0]), ("oha", &oha, &handshakes[1])] {
        if figures.is_empty() {
            println!("  {name:<22} not measured");
        } else {
            show(name, figures);
            println!("    handshakes in its last run: {handshakes}");
        }
    }
    let ratios: Vec<f64> =
        engine.iter().zip(&oha).map(|(ours, oha)| ours.cpu_s_per_100k / oha.cpu_s_per_100k).collect();
    let [least, median, most] = machine::spread(&ratios);
    println!("  rollproof / oha, CPU for each request, {} pairs: {median:.3} ({least:.3} to {most:.3})", ratios.len());
}

//! Prints the incidents of a record: `cargo run --example causes -- DIR`.
use rollproof::record::Reader;
use rollproof::timeline::Collector;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("a directory with a record.jsonl is needed")?;
    let mut reader = Reader::open(&std::path::Path::new(&directory).join("record.jsonl"))?;
    let mut collector = Collector::new(reader.header().clone());
    for entry in reader.by_ref() {
        collector.push(entry?)?;
    }
    let timeline = collector.finish(reader.is_cut())?;
    for incident in rollproof::diagnose::diagnose(&timeline).incidents {
        let first_ns = timeline
            .trials
            .iter()
            .find(|trial| trial.start.trial == incident.trial)
            .and_then(|trial| trial.window)
            .map_or(0, |window| window.first_ns);
        println!(
            "{} trial {} {} {} {} x{} {:?} {:.3}..{:.3} {:?}",
            incident.id,
            incident.trial,
            incident.variant,
            incident.arm.name(),
            incident.cause.name(),
            incident.attempts,
            incident.pod,
            (incident.first_ns as f64 - first_ns as f64) / 1e9,
            (incident.last_ns as f64 - first_ns as f64) / 1e9,
            incident.outcomes
        );
        for evidence in &incident.evidence {
            println!("     {} {:?} {} {:?}", evidence.edge, evidence.pod, evidence.basis, evidence.gap_ms);
        }
        if !incident.missing.is_empty() {
            println!("     missing: {}", incident.missing);
        }
    }
    Ok(())
}

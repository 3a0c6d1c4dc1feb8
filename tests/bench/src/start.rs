//! Cold starts: from the start of the process to the first poll, and the first call through TLS after it.

use std::time::Duration;

use crate::Outcome;
use crate::measure::Bench;
use crate::report::FAILED;
use crate::statistics::median;
use crate::subject::{Form, Kind};
use crate::upstream::Check;
use crate::work::Work;

/// Medians of several starts of one function.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Until it asked for its first invocation.
    pub ready: Duration,
    /// CPU time until then. Ours connects to Bedrock in it, where Lambda does not throttle.
    pub ready_cpu: Duration,
    /// The first call, with TLS towards Bedrock.
    pub first: Duration,
    /// CPU time of it.
    pub first_cpu: Duration,
}

/// Who, and its figures or why there are none.
pub type StartRow = (Kind, Result<Start, String>);

/// Starts every function `bench.rounds` times, in turns. The fakes of `bench` are to be behind TLS.
pub async fn starts(bench: &Bench, work: &Work) -> Vec<StartRow> {
    bench.upstream.expect(work, Check::Signed);
    let kinds: Vec<Kind> = Kind::all(Form::Lambda).iter().copied().filter(|kind| !kind.is_for_comparison()).collect();
    let mut all: Vec<Result<Vec<Start>, String>> = kinds
        .iter()
        .map(|kind| kind.missing(&bench.programs).map_or(Ok(Vec::new()), |why| Err(format!("NOT RUN: {why}"))))
        .collect();
    for _ in 0..bench.rounds {
        for (kind, seen) in kinds.iter().zip(&mut all) {
            let Ok(starts) = seen else { continue };
            match once(bench, *kind, work).await {
                Ok(start) => starts.push(start),
                Err(why) => *seen = Err(format!("{FAILED}: {why}")),
            }
        }
    }
    kinds.into_iter().zip(all.into_iter().map(|seen| seen.map(|starts| middle(&starts)))).collect()
}

async fn once(bench: &Bench, kind: Kind, work: &Work) -> Outcome<Start> {
    let mut running = kind.start(&bench.programs, &bench.fakes, bench.placement).await?;
    let process = running.process.as_ref().ok_or("no process")?;
    let ready_cpu = process.cpu()?;
    let input = running.line.input(work);
    let sample = running.line.call(work, &input).await?;
    bench.upstream.check()?;
    running.line.ready().await?;
    let first_cpu = process.cpu()?.saturating_sub(ready_cpu);
    Ok(Start { ready: running.ready - running.started, ready_cpu, first: sample.total, first_cpu })
}

fn middle(starts: &[Start]) -> Start {
    let of = |field: fn(&Start) -> Duration| median(&starts.iter().map(field).collect::<Vec<_>>());
    Start {
        ready: of(|start| start.ready),
        ready_cpu: of(|start| start.ready_cpu),
        first: of(|start| start.first),
        first_cpu: of(|start| start.first_cpu),
    }
}

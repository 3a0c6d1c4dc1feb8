//! Steady state: every kind of work, in rounds in which all subjects take turns, each time in another order.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Outcome;
use crate::line::Sample;
use crate::process::{Placement, Process};
use crate::report::FAILED;
use crate::statistics::{median, percentile, spread_percent};
use crate::subject::{Fakes, Form, Kind, Programs, Running};
use crate::upstream::{Check, Upstream};
use crate::work::Work;

/// Calls before the measured ones, of which the first is checked for its signature.
const WARM_UP: usize = 20;

/// What one subject needed for one kind of work: medians of its rounds.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub kind: Kind,
    /// The figures, or why there are none.
    pub figures: Result<Figures, String>,
}

/// See [`Row`].
#[derive(Debug, Clone)]
pub struct Figures {
    /// Until the first byte of the body: median of the rounds' medians.
    pub first: Duration,
    /// Until the last byte.
    pub total: Duration,
    /// CPU time of the subject per call; none of no subject.
    pub cpu: Option<Duration>,
    /// Half the quartile distance of the rounds' CPU time, in percent; of their total where there is no CPU time.
    pub spread: f64,
    /// Peak of the resident memory after this work, in KiB.
    pub peak_kib: Option<u64>,
    /// Delay of a stream's frames between the fake Bedrock's sending and their arrival: median and 99th percentile.
    pub relay: Option<(Duration, Duration)>,
}

/// One subject at one kind of work.
struct Contender {
    kind: Kind,
    running: Running,
    input: Bytes,
    rounds: Vec<Round>,
    relay: Vec<Duration>,
}

struct Round {
    first: Duration,
    total: Duration,
    cpu: Duration,
}

/// Everything a run needs.
pub struct Bench {
    /// Programs of the subjects.
    pub programs: Programs,
    /// The fakes.
    pub fakes: Fakes,
    /// The fake Bedrock.
    pub upstream: Upstream,
    /// Cores.
    pub placement: Placement,
    /// Rounds of each kind of work.
    pub rounds: usize,
}

impl Bench {
    /// Measures all subjects of a form at one kind of work. A subject that fails is a row that says how.
    pub async fn work(&self, form: Form, work: &Work) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut contenders = Vec::new();
        for &kind in Kind::all(form) {
            match self.prepare(kind, work).await {
                Ok(contender) => contenders.push(contender),
                Err(why) => rows.push(Row { kind, figures: Err(why) }),
            }
        }
        for round in 0..self.rounds.min(work.rounds) {
            if round > 0 && !contenders.is_empty() {
                contenders.rotate_left(1);
            }
            let mut left = Vec::new();
            for mut contender in contenders {
                match self.round(&mut contender, work).await {
                    Ok(()) => left.push(contender),
                    Err(why) => rows.push(Row { kind: contender.kind, figures: Err(format!("{FAILED}: {why}")) }),
                }
            }
            contenders = left;
        }
        rows.extend(contenders.into_iter().map(|contender| {
            let kind = contender.kind;
            Row { kind, figures: contender.figures().map_err(|why| format!("{FAILED}: {why}")) }
        }));
        rows.sort_by_key(|row| Kind::all(form).iter().position(|kind| *kind == row.kind));
        rows
    }

    async fn prepare(&self, kind: Kind, work: &Work) -> Result<Contender, String> {
        if let Some(why) = kind.missing(&self.programs) {
            return Err(format!("NOT RUN: {why}"));
        }
        self.warmed_up(kind, work).await.map_err(|why| format!("{FAILED}: {why}"))
    }

    async fn warmed_up(&self, kind: Kind, work: &Work) -> Outcome<Contender> {
        let running = kind.start(&self.programs, &self.fakes, self.placement).await?;
        let input = running.line.input(work);
        let mut contender = Contender { kind, running, input, rounds: Vec::new(), relay: Vec::new() };
        for call in 0..WARM_UP.min(work.calls) {
            self.upstream.expect(work, if call == 0 { Check::Verified } else { Check::Signed });
            self.call(&mut contender, work).await?;
        }
        contender.check_log()?;
        Ok(contender)
    }

    async fn call(&self, contender: &mut Contender, work: &Work) -> Outcome<Sample> {
        if contender.kind == Kind::Direct {
            self.upstream.expect(work, Check::Unsigned);
        }
        let sample = contender.running.line.call(work, &contender.input).await;
        self.upstream.check()?;
        let sample = sample?;
        contender.running.line.ready().await?;
        Ok(sample)
    }

    async fn round(&self, contender: &mut Contender, work: &Work) -> Outcome<()> {
        self.upstream.expect(work, Check::Signed);
        let before = contender.cpu()?;
        let (mut firsts, mut totals) = (Vec::new(), Vec::new());
        for _ in 0..work.calls {
            let sample = self.call(contender, work).await?;
            contender.relay.extend(relay(&sample, work.response.frames(), &self.upstream.take_sent()));
            firsts.push(sample.first);
            totals.push(sample.total);
        }
        let calls = u32::try_from(work.calls)?;
        let cpu = contender.cpu()?.saturating_sub(before) / calls;
        contender.rounds.push(Round { first: median(&firsts), total: median(&totals), cpu });
        Ok(())
    }
}

impl Contender {
    fn cpu(&self) -> Outcome<Duration> {
        self.running.process.as_ref().map_or(Ok(Duration::ZERO), Process::cpu)
    }

    /// Ours is to be measured with its meter on: its log line has the tokens.
    fn check_log(&self) -> Outcome<()> {
        let (Kind::Function | Kind::Tableless | Kind::Server, Some(process)) = (self.kind, &self.running.process)
        else {
            return Ok(());
        };
        // The line is written before the next invocation is asked for, and read by another thread.
        let patience = Instant::now() + Duration::from_secs(1);
        while !process.last_line().contains("output_tokens") {
            if Instant::now() > patience {
                return Err(format!("the log line has no tokens: {}", process.last_line()).into());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn figures(self) -> Outcome<Figures> {
        let Self { kind: _, running, input: _, rounds, relay } = self;
        let of = |field: fn(&Round) -> Duration| rounds.iter().map(field).collect::<Vec<_>>();
        let (cpu, total) = (of(|round| round.cpu), of(|round| round.total));
        let measured = running.process.is_some();
        Ok(Figures {
            first: median(&of(|round| round.first)),
            total: median(&total),
            cpu: measured.then(|| median(&cpu)),
            spread: spread_percent(if measured { &cpu } else { &total }),
            peak_kib: running.process.as_ref().map(Process::peak_kib).transpose()?,
            relay: (!relay.is_empty()).then(|| (median(&relay), percentile(&relay, 99))),
        })
    }
}

/// How long each frame was on its way: a frame is there when its last byte is.
fn relay(sample: &Sample, frames: &[Bytes], sent: &[Instant]) -> Vec<Duration> {
    let mut end = 0;
    let mut arrivals = sample.arrivals.iter().peekable();
    let mut delays = Vec::new();
    for (frame, sent) in frames.iter().zip(sent) {
        end += frame.len();
        while arrivals.peek().is_some_and(|(_, bytes)| *bytes < end) {
            arrivals.next();
        }
        if let Some((at, _)) = arrivals.peek() {
            delays.push(at.saturating_duration_since(*sent));
        }
    }
    delays
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_there_when_its_last_byte_is() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let arrivals = vec![(at(5), 3), (at(6), 4), (at(30), 12)];
        let sample = Sample { first: Duration::ZERO, total: Duration::ZERO, arrivals };
        let frames = [Bytes::from_static(b"1234"), Bytes::from_static(b"5678"), Bytes::from_static(b"9012")];
        let delays = relay(&sample, &frames, &[at(0), at(10), at(20)]);
        assert_eq!(delays, [6, 20, 10].map(Duration::from_millis));
    }
}

//! The report: method, machine, figures, ratios, what our own gates say about them, and why; Markdown that is readable as text.

mod gates;
mod machine;
mod table;

use std::fmt::Write;
use std::time::Duration;

use crate::measure::{Bench, Figures, Row};
use crate::start::{Start, StartRow};
use crate::subject::{Form, Kind};
use crate::work::Work;
use table::Table;

const METHOD: &str = include_str!("method.md");
const EXPLANATION: &str = include_str!("explanation.md");

/// Begins the reason why a subject has no figures though it ran.
pub const FAILED: &str = "FAILED";

/// What a run found, so far.
pub struct Report {
    head: String,
    sizes: Vec<(Kind, Option<u64>)>,
    works: Vec<WorkRows>,
    starts: Vec<StartRow>,
}

/// Rows of one kind of work in one form.
struct WorkRows {
    form: Form,
    name: &'static str,
    rows: Vec<Row>,
}

impl WorkRows {
    fn of(&self, kind: Kind) -> Option<&Figures> {
        self.rows.iter().find(|row| row.kind == kind)?.figures.as_ref().ok()
    }
}

impl Report {
    /// An empty report about `bench`.
    pub fn new(bench: &Bench, quick: bool) -> Self {
        let kinds = [Form::Lambda, Form::Http].map(Kind::all).concat();
        let mut head = format!("# Performance\n\n{METHOD}\n## This run\n\n");
        let _ = writeln!(head, "{}", machine::describe(bench));
        if quick {
            head.push_str("**A quick run: it shows that everything runs; its figures measure nothing.**\n\n");
        }
        let mut programs = Table::new(&["subject", "version", "binary"]);
        let mut sizes = Vec::new();
        for kind in kinds.into_iter().filter(|kind| *kind != Kind::Direct && !kind.is_for_comparison()) {
            let missing = kind.missing(&bench.programs);
            let size = std::fs::metadata(kind.program(&bench.programs)).map(|file| file.len()).ok();
            let size = size.filter(|_| kind.is_binary());
            let version = missing.map_or_else(|| kind.version(&bench.programs), |why| format!("NOT RUN: {why}"));
            programs.row([full_name(kind), version, size.map_or_else(|| "–".to_owned(), megabytes)]);
            sizes.push((kind, size));
        }
        head.push_str(&programs.text());
        Self { head, sizes, works: Vec::new(), starts: Vec::new() }
    }

    /// Adds one kind of work.
    pub fn work(&mut self, form: Form, work: &Work, rows: Vec<Row>) {
        self.works.push(WorkRows { form, name: work.name, rows });
    }

    /// Adds the starts.
    pub fn starts(&mut self, rows: Vec<StartRow>) {
        self.starts = rows;
    }

    /// Whether a subject that is there did not do its work.
    pub fn failed(&self) -> bool {
        let works = self.works.iter().flat_map(|work| work.rows.iter().filter_map(|row| row.figures.as_ref().err()));
        let starts = self.starts.iter().filter_map(|(_, start)| start.as_ref().err());
        works.chain(starts).any(|why| why.starts_with(FAILED))
    }

    /// All of it.
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        text.push_str("\n## Gates\n\n");
        text.push_str(&gates::text(&self.works, &self.starts, &self.sizes));
        text.push_str("\n## As a Lambda function\n\n");
        text.push_str(&self.steady(Form::Lambda));
        text.push_str("\n## As an HTTP proxy\n\n");
        text.push_str(&self.steady(Form::Http));
        text.push_str("\n## Cold start and first request through TLS\n\n");
        text.push_str(&self.cold());
        text.push('\n');
        text.push_str(EXPLANATION);
        text
    }

    fn steady(&self, form: Form) -> String {
        let mut table = Table::new(&[
            "work",
            "subject",
            "first byte",
            "last byte",
            "CPU per call",
            "±",
            "CPU / ours",
            "peak memory",
        ]);
        let mut frames = Table::new(&["subject", "frame delay p50", "frame delay p99"]);
        let mut notes = Vec::new();
        for work in self.works.iter().filter(|work| work.form == form) {
            let ours = work.of(Kind::all(form)[0]).and_then(|figures| figures.cpu);
            for Row { kind, figures } in &work.rows {
                match figures {
                    Ok(figures) => {
                        table.row(steady_row(work.name, *kind, figures, ours));
                        if let Some((p50, p99)) = figures.relay {
                            frames.row([kind.name().to_owned(), time(p50), time(p99)]);
                        }
                    }
                    Err(why) => {
                        let mut cells = vec![work.name.to_owned(), kind.name().to_owned()];
                        cells.push(why.split(':').next().unwrap_or_default().to_owned());
                        cells.resize(8, String::new());
                        table.row(cells);
                        let note = format!("- {}, {}: {why}\n", kind.name(), work.name);
                        if !notes.contains(&note) {
                            notes.push(note);
                        }
                    }
                }
            }
        }
        let notes = if notes.is_empty() { String::new() } else { format!("\n{}", notes.concat()) };
        format!("{}\nFrames of the stream, from sent by Bedrock to received:\n\n{}{notes}", table.text(), frames.text())
    }

    fn cold(&self) -> String {
        let mut table = Table::new(&[
            "subject",
            "start → ready",
            "CPU of it",
            "first call, TLS",
            "CPU of it",
            "CPU of both / ours",
        ]);
        let ours = self.starts.iter().find_map(|(kind, start)| start.as_ref().ok().filter(|_| *kind == Kind::Function));
        for (kind, start) in &self.starts {
            let mut cells = vec![kind.name().to_owned()];
            match start {
                Ok(start) => {
                    let Start { ready, ready_cpu, first, first_cpu } = *start;
                    cells.extend([ready, ready_cpu, first, first_cpu].map(time));
                    cells.push(ours.map_or_else(String::new, |ours| {
                        ratio(ready_cpu + first_cpu, ours.ready_cpu + ours.first_cpu)
                    }));
                }
                Err(why) => cells.push(why.clone()),
            }
            cells.resize(6, String::new());
            table.row(cells);
        }
        table.text()
    }
}

fn steady_row(work: &str, kind: Kind, figures: &Figures, ours: Option<Duration>) -> Vec<String> {
    let Figures { first, total, cpu, spread, peak_kib, relay: _ } = figures;
    vec![
        work.to_owned(),
        kind.name().to_owned(),
        time(*first),
        time(*total),
        cpu.map_or_else(|| "–".to_owned(), time),
        format!("{spread:.0} %"),
        cpu.zip(ours).map_or_else(|| "–".to_owned(), |(cpu, ours)| ratio(cpu, ours)),
        peak_kib.map_or_else(|| "–".to_owned(), mebibytes),
    ]
}

fn full_name(kind: Kind) -> String {
    match kind {
        Kind::Function => "ours, function".to_owned(),
        Kind::Server => "ours, `forwarder serve`".to_owned(),
        other => other.name().to_owned(),
    }
}

fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.1}×", one.as_secs_f64() / other.as_secs_f64().max(f64::MIN_POSITIVE))
}

/// Three digits and a unit.
fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} µs"),
        micros if micros < 1e4 => format!("{:.2} ms", micros / 1e3),
        micros if micros < 1e5 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{:.0} ms", micros / 1e3),
    }
}

#[allow(clippy::cast_precision_loss)]
fn mebibytes(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

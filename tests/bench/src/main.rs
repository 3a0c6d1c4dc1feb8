//! `make bench`: the forwarder against functions people write by hand and proxies they could pick instead.
//!
//! Everything is on this machine: a fake Lambda Runtime API, a fake Bedrock, a fake DynamoDB, and each subject as a
//! process of its own. Absolute times therefore leave out AWS and the network; ratios between rows are the point.
//! `tests/bench/run.sh` builds the programs and calls this.

mod certificates;
mod envoy;
#[allow(clippy::unwrap_used, missing_docs)]
#[path = "../../../forwarder/tests/data_plane/support/expressions.rs"]
mod expressions;
mod gateway;
mod line;
mod measure;
mod net;
mod process;
mod report;
mod runtime_api;
#[allow(clippy::unwrap_used, missing_docs)]
#[path = "../../../forwarder/tests/data_plane/support/sigv4.rs"]
mod sigv4;
mod start;
mod statistics;
mod subject;
mod upstream;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use measure::Bench;
use process::Placement;
use report::Report;
use subject::{Fakes, Form, Programs};
use tokio::signal::unix::{SignalKind, signal};
use upstream::Upstream;

/// What anything here comes to.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str =
    "usage: aigw-bench --function FILE --server FILE --peers DIR [--write FILE] [--one-core] [--quick] [--small]

  --function FILE  the forwarder as it is packed for Lambda
  --server FILE    the forwarder with `serve`
  --peers DIR      what tests/bench/peers/setup.sh made
  --write FILE     write the report there too
  --one-core       all on one core, where waking another one is no part of the cost
  --quick          few calls: shows that everything runs, measures nothing
  --small          the calls of 1 KB only: to see what a change comes to";

/// Rounds of each kind of work, and starts of each function.
const ROUNDS: usize = 7;
const QUICK_ROUNDS: usize = 1;

struct Options {
    function: PathBuf,
    server: PathBuf,
    peers: PathBuf,
    write: Option<PathBuf>,
    one_core: bool,
    quick: bool,
    small: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let (mut function, mut server, mut peers, mut write) = (None, None, None, None);
        let (mut one_core, mut quick, mut small) = (false, false, false);
        while let Some(argument) = arguments.next() {
            let place = match argument.as_str() {
                "--function" => &mut function,
                "--server" => &mut server,
                "--peers" => &mut peers,
                "--write" => &mut write,
                "--one-core" => {
                    one_core = true;
                    continue;
                }
                "--quick" => {
                    quick = true;
                    continue;
                }
                "--small" => {
                    small = true;
                    continue;
                }
                other => return Err(format!("unknown argument {other}\n\n{USAGE}").into()),
            };
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{USAGE}"))?;
            *place = Some(std::path::absolute(value)?);
        }
        let missing = |name: &str| format!("{name} is missing\n\n{USAGE}");
        Ok(Self {
            function: function.ok_or_else(|| missing("--function"))?,
            server: server.ok_or_else(|| missing("--server"))?,
            peers: peers.ok_or_else(|| missing("--peers"))?,
            write,
            one_core,
            quick,
            small,
        })
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match (Options::parse(std::env::args().skip(1)), runtime) {
        (Ok(options), Ok(runtime)) => runtime.block_on(until_stopped(run(options))),
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `work`; when this program is told to stop, ends what it started instead of leaving it behind.
async fn until_stopped(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("told to stop".into()),
    }
}

async fn run(options: Options) -> Outcome<()> {
    let Options { function, server, peers, write, one_core, quick, small } = options;
    let placement = Placement::take(one_core)?;
    let scratch = tempfile::tempdir()?;
    let (acceptor, authority) = certificates::localhost()?;
    std::fs::write(scratch.path().join("authority.pem"), authority)?;
    let programs = Programs { function, server, peers, scratch: scratch.path().to_owned() };
    let upstream = Upstream::default();
    let (plain, secure) = (upstream.serve(None).await?, upstream.serve(Some(acceptor)).await?);
    let table = gateway::table().await?;
    let fakes = Fakes { upstream: format!("http://{plain}"), upstream_address: plain, table };
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let mut bench = Bench { programs, fakes, upstream, placement, rounds };

    let mut all = work::all(quick);
    if small {
        all.truncate(1);
    }
    let mut report = Report::new(&bench, quick);
    for form in [Form::Lambda, Form::Http] {
        for work in &all {
            eprintln!("bench: {form:?} form, {}", work.name);
            report.work(form, work, bench.work(form, work).await);
        }
    }
    if !small {
        let smallest = all.first().ok_or("no work")?;
        eprintln!("bench: cold starts");
        bench.fakes.upstream = format!("https://localhost:{}", secure.port());
        report.starts(start::starts(&bench, smallest).await);
    }

    println!("{}", report.text());
    if let Some(file) = write {
        std::fs::write(&file, report.text())?;
        eprintln!("bench: wrote {}", file.display());
    }
    if report.failed() { Err("a subject did not do its work, see FAILED above".into()) } else { Ok(()) }
}

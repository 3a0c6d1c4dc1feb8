//! What we promise of our own figures, and where a peer is ahead.

use std::time::Duration;

use super::table::Table;
use super::{WorkRows, mebibytes, megabytes, time};
use crate::measure::Figures;
use crate::start::StartRow;
use crate::subject::{Form, Kind};
use crate::work::{SMALL, STREAM};

/// A streamed 1 KB answer, median. Nagle's algorithm alone would make it 40 ms.
const SMALL_CALL: Duration = Duration::from_millis(5);
/// First byte behind Bedrock's own.
const FIRST_BYTE_LAG: Duration = Duration::from_millis(2);
const BINARY_BYTES: u64 = 3_000_000;
const PEAK_KIB: u64 = 8 << 10;
/// CPU time of start and first call with TLS.
const FIRST_TLS: Duration = Duration::from_millis(5);
const SHARE_OF_ENVOY: f64 = 0.6;
const SHARE_OF_GO: f64 = 0.3;
/// Differences below this are noise on any machine; where rounds are further apart, that counts.
const NOISE_PERCENT: f64 = 10.0;

/// The gates with their figures, then every figure in which a peer is ahead.
pub fn text(works: &[WorkRows], starts: &[StartRow], sizes: &[(Kind, Option<u64>)]) -> String {
    let find = |form: Form, name: &str| works.iter().find(|work| work.form == form && work.name == name);
    let of = |form: Form, name: &str, kind: Kind| find(form, name).and_then(|work| work.of(kind));
    let mut gates = Table::new(&["gate", "bound", "figure", ""]);
    let mut gate = |name: &str, bound: String, figure: Option<(String, bool)>| {
        let (figure, verdict) = match figure {
            Some((figure, true)) => (figure, "holds"),
            Some((figure, false)) => (figure, "MISSED"),
            None => ("–".to_owned(), "NOT RUN"),
        };
        gates.row([name.to_owned(), bound, figure, verdict.to_owned()]);
    };
    let function = of(Form::Lambda, SMALL, Kind::Function);
    let small = function.map(|figures| (time(figures.total), figures.total < SMALL_CALL));
    gate("streamed 1 KB, p50", format!("< {}", time(SMALL_CALL)), small);
    let direct = of(Form::Http, STREAM, Kind::Direct);
    for (name, form, kind) in [
        ("first byte of a stream, function", Form::Lambda, Kind::Function),
        ("first byte of a stream, server", Form::Http, Kind::Server),
    ] {
        let lag = of(form, STREAM, kind).zip(direct).map(|(ours, direct)| ours.first.saturating_sub(direct.first));
        let lag = lag.map(|lag| (format!("+ {}", time(lag)), lag < FIRST_BYTE_LAG));
        gate(name, format!("< Bedrock's + {}", time(FIRST_BYTE_LAG)), lag);
    }
    let size = sizes.iter().find(|(kind, _)| *kind == Kind::Function).and_then(|(_, size)| *size);
    gate(
        "stripped binary",
        format!("< {}", megabytes(BINARY_BYTES)),
        size.map(|size| (megabytes(size), size < BINARY_BYTES)),
    );
    let peak = function.and_then(|figures| figures.peak_kib);
    gate(
        "peak memory at 1 KB",
        format!("< {}", mebibytes(PEAK_KIB)),
        peak.map(|peak| (mebibytes(peak), peak < PEAK_KIB)),
    );
    let start = starts.iter().find(|(kind, _)| *kind == Kind::Function).and_then(|(_, start)| start.as_ref().ok());
    let first = start.map(|start| start.ready_cpu + start.first_cpu);
    let first = first.map(|cpu| (time(cpu), cpu < FIRST_TLS));
    gate("CPU of start and first TLS request", format!("< {}", time(FIRST_TLS)), first);
    for (name, form, ours, peer, share) in [
        ("CPU at 1 KB against Envoy, server", Form::Http, Kind::Server, Kind::Envoy, SHARE_OF_ENVOY),
        ("CPU at 1 KB against Go, function", Form::Lambda, Kind::Function, Kind::Go, SHARE_OF_GO),
        ("the same without the table", Form::Lambda, Kind::Tableless, Kind::Go, SHARE_OF_GO),
    ] {
        let cpu = |kind| of(form, SMALL, kind).and_then(|figures| figures.cpu);
        let figure = cpu(ours).zip(cpu(peer)).map(|(ours, peer)| {
            let found = ours.as_secs_f64() / peer.as_secs_f64();
            (format!("{found:.2}×"), found <= share)
        });
        gate(name, format!("≤ {share}×"), figure);
    }
    format!("{}\n{}", gates.text(), ahead(works))
}

/// Every figure in which a peer is ahead by more than noise.
fn ahead(works: &[WorkRows]) -> String {
    let mut lines = Vec::new();
    for work in works {
        let own = Kind::all(work.form)[0];
        let Some(ours) = work.of(own) else { continue };
        let peers =
            work.rows.iter().filter(|row| row.kind != own && row.kind != Kind::Direct && !row.kind.is_for_comparison());
        for (kind, peer) in peers.filter_map(|row| Some((row.kind, row.figures.as_ref().ok()?))) {
            let noise = NOISE_PERCENT.max(ours.spread + peer.spread);
            for (what, ours, peer) in comparable(ours, peer) {
                if peer < ours * (1.0 - noise / 100.0) {
                    let (name, share) = (kind.name(), peer / ours);
                    lines.push(format!("- {:?} form, {}: {name} needs {share:.2}× our {what}\n", work.form, work.name));
                }
            }
        }
    }
    if lines.is_empty() {
        return "No peer that ran is ahead in any row by more than noise.\n".to_owned();
    }
    format!("Rows in which a peer is ahead by more than noise:\n\n{}", lines.concat())
}

#[allow(clippy::cast_precision_loss)]
fn comparable(ours: &Figures, peer: &Figures) -> Vec<(&'static str, f64, f64)> {
    let times = [
        ("time to the first byte", Some(ours.first), Some(peer.first)),
        ("time to the last byte", Some(ours.total), Some(peer.total)),
        ("CPU time", ours.cpu, peer.cpu),
        ("frame delay (p50)", ours.relay.map(|(p50, _)| p50), peer.relay.map(|(p50, _)| p50)),
    ];
    let times =
        times.into_iter().filter_map(|(what, ours, peer)| Some((what, ours?.as_secs_f64(), peer?.as_secs_f64())));
    let memory = ours.peak_kib.zip(peer.peak_kib).map(|(ours, peer)| ("peak memory", ours as f64, peer as f64));
    times.chain(memory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Row;

    fn row(kind: Kind, cpu_micros: u64, spread: f64) -> Row {
        let same = Duration::from_millis(1);
        let cpu = Some(Duration::from_micros(cpu_micros));
        Row { kind, figures: Ok(Figures { first: same, total: same, cpu, spread, peak_kib: Some(1), relay: None }) }
    }

    fn ahead_of_ours(cpu_micros: u64, spread: f64) -> String {
        let rows = vec![row(Kind::Function, 100, 0.0), row(Kind::Go, cpu_micros, spread)];
        ahead(&[WorkRows { form: Form::Lambda, name: SMALL, rows }])
    }

    #[test]
    fn a_peer_that_is_ahead_is_named() {
        assert!(ahead_of_ours(80, 1.0).contains("Go needs 0.80× our CPU time"), "{}", ahead_of_ours(80, 1.0));
    }

    #[test]
    fn noise_is_no_lead() {
        assert!(ahead_of_ours(95, 1.0).starts_with("No peer"));
        assert!(ahead_of_ours(80, 30.0).starts_with("No peer"));
        assert!(ahead_of_ours(120, 0.0).starts_with("No peer"));
    }
}

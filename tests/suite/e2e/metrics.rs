//! Health and metrics of the operator.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure};
use libtest_mimic::Trial;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "livez_and_readyz_answer", health),
        test(module_path!(), "metrics_count_passes_and_name_no_object", metrics),
    ]
}

/// Status line and body of a GET to the operator.
pub fn get(shared: &Shared, path: &str) -> Outcome<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", shared.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}

fn health() -> Outcome {
    let shared = prod()?;
    for path in ["/livez", "/readyz"] {
        let (status, body) = get(&shared, path)?;
        ensure!(status.contains("200"), "{path}: {status} {body}");
    }
    let (status, _) = get(&shared, "/nothing")?;
    ensure!(status.contains("404"), "an unknown path: {status}");
    Ok(())
}

fn metrics() -> Outcome {
    let shared = prod()?;
    let (status, body) = get(&shared, "/metrics")?;
    ensure!(status.contains("200"), "/metrics: {status}");
    for metric in ["aigw_reconciliations_total{", "aigw_cloud_requests_total{", "aigw_leader 1"] {
        ensure!(body.contains(metric), "no {metric} in:\n{body}");
    }
    // A metric must not grow with the cluster; that of probes grows with its gateways alone.
    let of_probes = |line: &&str| line.starts_with("aigw_probes_total{");
    let probes: Vec<_> = body.lines().filter(of_probes).collect();
    ensure!(probes.iter().any(|line| line.contains("gateway=\"ai-platform/prod\"")), "no probes in:\n{body}");
    ensure!(!probes.iter().any(|line| line.contains("team-")), "metrics of probes name a tenant: {probes:?}");
    let rest = body.lines().filter(|line| !of_probes(line)).collect::<Vec<_>>().join("\n");
    for name in ["prod", "ai-platform", "team-search", "team-ads", "\"search\"", "\"ads\""] {
        ensure!(!rest.contains(name), "metrics name an object: {name}");
    }
    Ok(())
}

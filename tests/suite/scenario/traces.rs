//! Traces of the operator's work, as a collector gets them. That no credential is in one, `scenario::leaks` shows.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_operator::run::install_crypto_provider;
use aigw_operator::traces::{Settings, Span, deliver};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Start, alone};
use aigw_tests::simulation::simulate_logging;
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use super::objects::prod;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_collector_sees_the_reconcile_of_a_gateway", collected)]
}

fn collected() -> Outcome {
    let moment = Start::Converged.moment()?;
    let spans = simulate_logging(LevelFilter::TRACE, moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        world.patch(&prod(), &json!({"spec": {"tags": {"a": "b"}}})).await?;
        sleep(Duration::from_mins(5)).await;
        operator.kill().await;
        Ok(world.log.spans())
    })?;
    let received = delivered(spans)?;
    let all = received["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().ok_or("no spans")?;
    let of_gateway: Vec<_> = all.iter().filter(|span| attributes(span)["aigw.kind"] == "AIGateway").collect();
    let changed = |span: &&&Value| {
        let operations: Vec<_> = span["events"].as_array().into_iter().flatten().map(attributes).collect();
        operations.iter().any(|event| event.get("aws.operation").is_some_and(|name| *name == "lambda:TagResource"))
    };
    let pass =
        of_gateway.iter().find(changed).ok_or_else(|| format!("no pass that wrote tags among {}", of_gateway.len()))?;
    ensure_eq!(pass["name"], "reconcile", "name of the span");
    let attributes = attributes(pass);
    for (key, value) in [("k8s.namespace.name", "ai-platform"), ("aigw.object", "prod")] {
        ensure_eq!(attributes[key], value, "{key}");
    }
    ensure!(attributes.contains_key("aigw.outcome") && attributes.contains_key("aigw.generation"), "{attributes:?}");
    Ok(())
}

fn attributes(of: &Value) -> BTreeMap<&str, &str> {
    let pairs = of["attributes"].as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| {
            let value = pair["value"].as_object()?.values().next()?;
            Some((pair["key"].as_str()?, value.as_str().unwrap_or_default()))
        })
        .collect()
}

/// What a collector on loopback is posted.
fn delivered(spans: Vec<Span>) -> Outcome<Value> {
    install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let collector = tokio::spawn(async move { one_request(&listener).await.map_err(|error| error.to_string()) });
        let endpoint = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| url.clone());
        let settings = Settings::from_variables(endpoint)?.ok_or("no settings")?;
        let (ended, waiting) = mpsc::channel(spans.len().max(1));
        for span in spans {
            ended.try_send(span)?;
        }
        drop(ended);
        tokio::time::timeout(Duration::from_secs(20), deliver(settings, waiting)).await?;
        Ok(serde_json::from_slice(&collector.await??)?)
    })
}

/// The body of the first request.
async fn one_request(listener: &TcpListener) -> std::io::Result<Vec<u8>> {
    let (mut stream, _) = listener.accept().await?;
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await?;
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text[..end].lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let body = &read[end + 4..];
        if count == 0 || length.is_some_and(|length| body.len() >= length) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await?;
            return Ok(body.to_vec());
        }
    }
}

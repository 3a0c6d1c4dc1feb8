//! Unmodified AWS SDKs with nothing but the Secret's variables get Bedrock's answers, streams as they come.

use std::sync::atomic::Ordering;

use aigw_env::bedrock::Record;
use aigw_env::front;
use aigw_tests::clients::ENDPOINT;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;
use tokio::net::TcpListener;

/// What remains of the time the stub took, at least. A buffered stream arrives within a few milliseconds.
const SPREAD_KEPT: f64 = 0.6;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "boto3_converse_is_answered", converse),
        test(module_path!(), "boto3_invoke_model_is_answered", invoke),
        test(module_path!(), "boto3_converse_stream_arrives_as_it_is_sent", converse_stream),
        test(module_path!(), "boto3_invoke_stream_arrives_as_it_is_sent", invoke_stream),
        test(module_path!(), "javascript_converse_stream_arrives_as_it_is_sent_over_http2", javascript),
        test(module_path!(), "a_stream_passes_a_front_that_speaks_http1_only", http1_only),
        test(module_path!(), "bedrock_gets_our_signature_and_nothing_of_the_client", what_bedrock_gets),
    ]
}

fn converse() -> Outcome {
    let shared = prod()?;
    shared.search_client()?.until_answered()?;
    let ended = shared.search_client()?.converse()?.ok()?;
    ensure!(ended.output.contains("stop reason end_turn"), "{}", ended.output);
    Ok(())
}

fn invoke() -> Outcome {
    let ended = prod()?.search_client()?.run("invoke_model.py", &[])?.ok()?;
    ensure!(ended.output.contains("x-amzn-bedrock-input-token-count"), "usage headers are lost: {}", ended.output);
    Ok(())
}

/// Runs a streaming client; its chunks must be spread over time as the stub sent them.
fn streamed(shared: &Shared, program: &str, operation: &str, client: &aigw_tests::clients::Client) -> Outcome {
    let ended = client.run(program, &[])?.ok()?;
    let summary = ended.summary()?;
    let arrivals: Vec<f64> =
        summary["arrivalsMs"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
    let sent = last(shared, operation)?.sent_us;
    ensure!(arrivals.len() > 2 && sent.len() >= arrivals.len(), "{} chunks of {} frames", arrivals.len(), sent.len());
    ensure!(arrivals.is_sorted(), "chunks out of order: {arrivals:?}");
    let spread = arrivals[arrivals.len() - 1] - arrivals[0];
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in microseconds")]
    let paced = (sent[sent.len() - 1] - sent[0]) as f64 / 1000.0;
    ensure!(spread >= paced * SPREAD_KEPT, "sent over {paced} ms, arrived within {spread} ms: {arrivals:?}");
    Ok(())
}

fn last(shared: &Shared, operation: &str) -> Outcome<Record> {
    let requests = shared.world.bedrock()?.requests();
    let mut found = requests.into_iter().rev().filter(|record| record.operation.as_deref() == Some(operation));
    Ok(found.next().ok_or_else(|| format!("Bedrock got no {operation}"))?)
}

fn converse_stream() -> Outcome {
    let shared = prod()?;
    streamed(&shared, "converse_stream.py", "ConverseStream", &shared.search_client()?)
}

fn invoke_stream() -> Outcome {
    let shared = prod()?;
    streamed(&shared, "invoke_stream.py", "InvokeModelWithResponseStream", &shared.search_client()?)
}

fn javascript() -> Outcome {
    let shared = prod()?;
    let front = shared.world.cluster.instance().aws()?.front();
    let before = front.counters().http2_requests.load(Ordering::Relaxed);
    streamed(&shared, "converse_stream.mjs", "ConverseStream", &shared.search_client()?)?;
    ensure!(front.counters().http2_requests.load(Ordering::Relaxed) > before, "it did not speak HTTP/2");
    Ok(())
}

fn http1_only() -> Outcome {
    let shared = prod()?;
    let aws = shared.world.cluster.instance().aws()?;
    let upstream = aws.emulator().authority().parse()?;
    let config = front::Config { http1_only: true, ..front::Config::new(upstream) };
    let second = shared.world.block(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        front::spawn(listener, aws.ca(), config).map_err(std::io::Error::other)
    })?;
    let client = shared.search_client()?;
    let moved = client.endpoint().replace(&aws.front().url(), &second.url());
    let outcome = streamed(&shared, "converse_stream.py", "ConverseStream", &client.with(ENDPOINT, &moved));
    let counted = second.counters().http1_requests.load(Ordering::Relaxed);
    shared.world.block(second.stop());
    outcome?;
    ensure_eq!(counted, 1, "requests over HTTP/1.1");
    Ok(())
}

fn what_bedrock_gets() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    client.must_answer()?;
    let requests = shared.world.bedrock()?.requests();
    ensure!(!requests.is_empty(), "Bedrock got nothing");
    for record in &requests {
        ensure_eq!(record.signature, "ok", "signature of {}: {:?}", record.target, record.refusal);
        let text = format!("{:?} {}", record.headers, record.body);
        ensure!(!text.contains("aigw_") && !text.contains("Bearer"), "the client's credential reached Bedrock");
        ensure_eq!(record.header("authorization").len(), 1, "Authorization headers");
    }
    // The model id's ':' travels as %3A and is signed so.
    let last = last(&shared, "Converse")?;
    ensure!(last.target.ends_with("-v1%3A0/converse"), "path as Bedrock got it: {}", last.target);
    Ok(())
}

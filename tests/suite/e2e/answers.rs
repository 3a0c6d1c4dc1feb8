//! Unmodified AWS SDKs with nothing but the Secret's variables get Bedrock's answers, streams as they come.

use std::sync::atomic::Ordering;

use aigw_env::bedrock::Record;
use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::streams::{arrived_as_sent, over_http1};
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;

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
fn streamed(shared: &Shared, program: &str, operation: &str, client: &Client) -> Outcome {
    let ended = client.run(program, &[])?.ok()?;
    let summary = ended.summary()?;
    let arrivals: Vec<f64> =
        summary["arrivalsMs"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
    arrived_as_sent(&arrivals, &last(shared, operation)?.sent_us)
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
    let ask = |client: &Client| streamed(&shared, "converse_stream.py", "ConverseStream", client);
    over_http1(&shared.world, &shared.search_client()?, ask)
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

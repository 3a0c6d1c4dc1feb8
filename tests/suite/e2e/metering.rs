//! What the forwarder's log says of a call is what Bedrock counted.

use std::collections::BTreeMap;

use aigw_env::bedrock::{Record, Usage};
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::logged;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq, usage, wait};
use libtest_mimic::Trial;

/// One client program for each form a response can have.
const PROGRAMS: [&str; 4] = ["converse.py", "converse_stream.py", "invoke_model.py", "invoke_stream.py"];

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "the_log_line_of_every_call_has_the_tokens_bedrock_counted", counted)]
}

fn counted() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    client.until_answered()?;
    for program in PROGRAMS {
        client.run(program, &[])?.ok()?;
    }
    let records = shared.world.bedrock()?.requests();
    let known: BTreeMap<&str, (&Record, Usage)> =
        records.iter().filter_map(|record| Some((record.request_id.as_str(), (record, record.usage?)))).collect();
    // Not the last of all: a probe asks Bedrock what costs nothing, and is no call.
    let last = records.iter().rfind(|record| record.usage.is_some()).map(|record| record.request_id.clone());
    let last = last.ok_or("Bedrock counted nothing")?;
    let lines = wait::until("the last call's line is in the log", || {
        let lines = logged(&shared.world)?.into_iter().map(|(_, line)| line);
        let lines: Vec<_> = lines.filter(|line| line["event"] == "call").collect();
        ensure!(lines.iter().any(|line| line["bedrockRequestId"] == last.as_str()), "not yet");
        Ok(lines)
    })?;
    let mut compared = BTreeMap::new();
    for line in &lines {
        let Some((record, used)) = line["bedrockRequestId"].as_str().and_then(|id| known.get(id)) else { continue };
        // Other tests break streams on purpose; their lines say so.
        if line["usage"] == "complete" {
            ensure_eq!(usage::logged(line), usage::counted(*used).map(Some), "{line}");
            // The stub knows models of paths, not those of bodies.
            let model = line["gen_ai.request.model"].as_str();
            ensure!(record.model.is_none() || model == record.model.as_deref(), "{line}: not {:?}", record.model);
            *compared.entry(record.operation.clone().unwrap_or_default()).or_insert(0) += 1;
        }
    }
    ensure!(compared.len() >= PROGRAMS.len(), "only these were compared: {compared:?}");
    Ok(())
}

//! The snippets of the tenant guide, each run as it stands there with the variables of a tenant's Secret.

use std::path::Path;

use aigw_tests::clients::{Client, TOKEN};
use aigw_tests::harness::environment_test as test;
use aigw_tests::markdown::{Block, blocks};
use aigw_tests::program::{Ended, run};
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, repository};
use libtest_mimic::Trial;

const GUIDE: &str = "docs/tenant-guide.md";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "snippets_of_the_tenant_guide_run_as_they_stand", snippets)]
}

fn snippets() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    client.until_answered()?;
    let mut count = 0;
    for block in blocks(&repository::read(GUIDE)?) {
        let Some(how) = block.marker.as_deref().and_then(|marker| marker.strip_prefix("run: ")) else { continue };
        let ended = start(&shared, &client, how, &block)?;
        ensure!(ended.success, "{GUIDE}:{}: {}", block.line, ended.output);
        ensure!(!ended.stdout.trim().is_empty(), "{GUIDE}:{} prints nothing", block.line);
        count += 1;
    }
    ensure!(count > 8, "only {count} snippets were run");
    Ok(())
}

/// Runs a block. The marker says with which packages, and which variables that the page names it needs besides.
fn start(shared: &Shared, client: &Client, how: &str, block: &Block) -> Outcome<Ended> {
    let authority = shared.world.cluster.instance().ca_pem()?.display().to_string();
    let mut env = client.env();
    env.insert("SSL_CERT_FILE".into(), authority.clone());
    env.insert("CURL_CA_BUNDLE".into(), authority);
    let matrix = || Ok::<_, libtest_mimic::Failed>(shared.world.client_matrix()?.join("venv/bin/python"));
    match how {
        "python" => client.python(&block.code),
        "node" => {
            let script = shared.world.cluster.instance().dir().join("guide.mjs");
            std::fs::write(&script, &block.code)?;
            client.module(&script)
        }
        "sh" => run(Path::new("/bin/sh"), &["-euc", &block.code], &env),
        "python matrix" => run(&matrix()?, &["-c", &block.code], &env),
        "python matrix openai" => {
            env.insert("OPENAI_BASE_URL".into(), format!("{}/openai/v1", client.endpoint()));
            env.insert("OPENAI_API_KEY".into(), client.token().to_owned());
            env.remove(TOKEN);
            run(&matrix()?, &["-c", &block.code], &env)
        }
        "python matrix anthropic" => {
            env.insert("ANTHROPIC_BEDROCK_BASE_URL".into(), client.endpoint().to_owned());
            run(&matrix()?, &["-c", &block.code], &env)
        }
        other => Err(format!("{GUIDE}:{}: nothing runs {other:?}", block.line).into()),
    }
}

//! Tokens as credentials: of ServiceAccounts, by the cluster's keys from its apiserver, and of an identity provider, by its
//! keys over HTTPS. The provider is the same apiserver, whose URL is its issuer.

use std::path::Path;

use aigw_tests::clients::{Client, TOKEN};
use aigw_tests::cluster::Object;
use aigw_tests::harness::environment_test as test;
use aigw_tests::program::run;
use aigw_tests::shared::{Own, Shared, operator};
use aigw_tests::{Outcome, ensure, repository, secrets, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const NAMESPACE: &str = "tokens";
const AUDIENCE: &str = "ai-gateway";
/// For the same apiserver as a provider of tokens.
const PROVIDER_AUDIENCE: &str = "ai-gateway-as-a-provider";
const UNAUTHORIZED: &str = "UnrecognizedClientException";
const DENIED: &str = "AccessDeniedException";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "tokens_of_both_kinds_open_the_gateway_until_their_identity_goes", tokens)]
}

fn tokens() -> Outcome {
    let shared = operator()?;
    let own = gateway(&shared)?;
    let app = own.tenants.first().ok_or("no tenant")?;
    service_accounts(&shared, app)?;
    provider(&shared, app)?;
    own.remove(&shared)
}

/// A gateway that accepts both kinds, with one tenant.
fn gateway(shared: &Shared) -> Outcome<Own> {
    let issuer = shared.world.cluster.instance().kube()?.url().to_owned();
    let grant = json!({"issuer": "provider", "claim": "sub", "values": ["system:serviceaccount:*:robot"]});
    let spec = json!({
        "auth": {
            "jwt": [{"name": "provider", "issuer": issuer, "audiences": [PROVIDER_AUDIENCE], "algorithms": ["RS256"]}],
            "serviceAccounts": {"clusters": [{"name": "local", "audience": AUDIENCE}]},
        },
        "tenants": {"rules": [{
            "name": "own", "match": {"namespaces": {"from": "Same"}},
            "allow": {"tiers": ["trial", "silver"], "identities": {"jwt": [grant]}},
        }]},
    });
    let own = shared.own(NAMESPACE, &spec, &[("app", "silver")])?;
    shared.world.cluster.wait_condition(&own.gateway, "IssuersReady", "True")?;
    for account in ["api", "robot", "stranger"] {
        shared.world.cluster.kubectl(&["create", "serviceaccount", account, "-n", NAMESPACE])?;
    }
    Ok(own)
}

fn identities(shared: &Shared, app: &Object, identities: &Value) -> Outcome {
    let cluster = &shared.world.cluster;
    cluster.patch(app, &json!({"spec": {"identities": identities}}))?;
    cluster.wait_ready(app)
}

/// A fresh token of a ServiceAccount.
fn token(shared: &Shared, account: &str, audience: &str) -> Outcome<String> {
    let arguments = ["create", "token", account, "-n", NAMESPACE, "--audience", audience, "--duration", "10m"];
    let token = shared.world.cluster.kubectl(&arguments)?.trim().to_owned();
    secrets::note(&token);
    Ok(token)
}

fn with(shared: &Shared, app: &Object, token: &str) -> Outcome<Client> {
    Ok(Client::of(&shared.world, app)?.with(TOKEN, token))
}

fn service_accounts(shared: &Shared, app: &Object) -> Outcome {
    let api = token(shared, "api", AUDIENCE)?;
    with(shared, app, &api)?.must_fail(UNAUTHORIZED)?;
    identities(shared, app, &json!({"serviceAccounts": [{"name": "api"}]}))?;
    shared.world.cluster.wait_condition(app, "IdentitiesReady", "True")?;
    let client = with(shared, app, &api)?;
    client.until_answered()?;
    let streamed = client.run("converse_stream.py", &[])?;
    ensure!(streamed.success, "a stream with a ServiceAccount's token: {}", streamed.output);
    providers(shared, &client, &api)?;
    // A new token of the same account, as the kubelet writes one every hour.
    with(shared, app, &token(shared, "api", AUDIENCE)?)?.must_answer()?;
    for (account, audience) in [("stranger", AUDIENCE), ("api", "another"), ("api", PROVIDER_AUDIENCE)] {
        with(shared, app, &token(shared, account, audience)?)?.must_fail(UNAUTHORIZED)?;
    }
    // Its identity goes, and with it a token whose authorization is in API Gateway's cache.
    client.must_answer()?;
    identities(shared, app, &Value::Null)?;
    wait::until("the token is refused", || {
        let denied = client.must_fail(DENIED)?;
        ensure!(denied.contains("spec.identities"), "the denial does not say why: {denied}");
        Ok(())
    })
}

/// The snippets that workloads are given, with the token in a file and none in a variable.
fn providers(shared: &Shared, client: &Client, token: &str) -> Outcome {
    let folder = shared.world.cluster.instance().dir().join("token");
    std::fs::create_dir_all(&folder)?;
    let (file, good) = (folder.join("token"), folder.join("good"));
    // As the kubelet does, with nothing behind it; as people do, with a line break.
    std::fs::write(&good, format!("{token}\n"))?;
    let snippets = repository::path("examples/token-providers");
    let client = client.clone().without(TOKEN).with("AI_GATEWAY_TOKEN_FILE", &file.display().to_string());
    // boto3 follows the file: what is in it first is refused, what comes later is accepted by the same client.
    let code = format!(
        "import sys\n\
         sys.path[:0] = [{snippets:?}, 'tests/clients/python']\n\
         import botocore.exceptions, pathlib, python_boto3, sdk\n\
         file = pathlib.Path({file:?})\n\
         file.write_text('not a token')\n\
         client = python_boto3.gateway_client('bedrock-runtime')\n\
         call = lambda: client.converse(modelId=sdk.DEFAULT_MODEL, messages=sdk.message('hello'))\n\
         try:\n    \
             call()\n    \
             sys.exit('a file without a token was enough')\n\
         except botocore.exceptions.ClientError as error:\n    \
             assert error.response['ResponseMetadata']['HTTPStatusCode'] == 401, error\n\
         file.write_text(pathlib.Path({good:?}).read_text())\n\
         print(call()['stopReason'])\n",
        snippets = snippets.display().to_string(),
        file = file.display().to_string(),
        good = good.display().to_string(),
    );
    let ended = client.python(&code)?;
    ensure!(ended.success, "boto3 with a token in a file: {}", ended.output);
    let ended = client.module(&snippets.join("javascript_v3.mjs"))?;
    ensure!(ended.success, "the AWS SDK for JavaScript with a token in a file: {}", ended.output);
    openai(shared, &client, &snippets)?;
    let ended = run(&snippets.join("print-token.sh"), &[], &client.env())?.ok()?;
    ensure!(ended.stdout.trim() == token, "the helper prints another text than the token");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn openai(shared: &Shared, client: &Client, snippets: &Path) -> Outcome {
    let python = shared.world.client_matrix()?.join("venv/bin/python");
    let authority = shared.world.cluster.instance().ca_pem()?.display().to_string();
    let mut env = client.env();
    env.insert("OPENAI_BASE_URL".into(), format!("{}/openai/v1", client.endpoint()));
    env.insert("SSL_CERT_FILE".into(), authority);
    let ended = run(&python, &[&snippets.join("python_openai.py").display().to_string()], &env)?;
    ensure!(ended.success, "the OpenAI SDK with a token in a file: {}", ended.output);
    Ok(())
}

fn provider(shared: &Shared, app: &Object) -> Outcome {
    let subject = |account: &str| format!("system:serviceaccount:{NAMESPACE}:{account}");
    let identity = json!({"issuer": "provider", "claim": "sub", "value": subject("robot")});
    identities(shared, app, &json!({"jwt": [identity]}))?;
    let robot = with(shared, app, &token(shared, "robot", PROVIDER_AUDIENCE)?)?;
    wait::until("the provider's token is accepted", || robot.must_answer())?;
    with(shared, app, &token(shared, "robot", AUDIENCE)?)?.must_fail(UNAUTHORIZED)?;
    with(shared, app, &token(shared, "api", PROVIDER_AUDIENCE)?)?.must_fail(UNAUTHORIZED)?;
    Ok(())
}

//! What a client sees that presents something else than its credential.

use aigw_contract::Credential;
use aigw_tests::clients::{ENDPOINT, TOKEN};
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, secrets};
use libtest_mimic::Trial;

/// What 401 is called in AWS's own words, and so in botocore's classes.
const UNAUTHORIZED: &str = "UnrecognizedClientException";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_made_up_credential_is_unauthorized", made_up),
        test(module_path!(), "a_mistyped_credential_is_unauthorized", mistyped),
        test(module_path!(), "somebody_elses_key_id_is_unauthorized", other_tenant),
        test(module_path!(), "no_credential_is_unauthorized", missing),
        test(module_path!(), "aws_credentials_are_unauthorized", aws_signature),
        test(module_path!(), "the_internal_key_opens_nothing", internal_key),
        test(module_path!(), "a_family_the_gateway_does_not_allow_is_denied", not_allowed_family),
        test(module_path!(), "a_path_that_is_no_api_is_a_bad_request", unknown_path),
    ]
}

fn made_up() -> Outcome {
    let client = prod()?.search_client()?;
    let real = Credential::parse(client.token())?;
    // Well-formed, of a real tenant and key, with another secret.
    let fake = Credential::new(real.tenant(), real.key(), &[7; 32])?;
    client.with(TOKEN, fake.expose()).must_fail(UNAUTHORIZED)?;
    Ok(())
}

fn mistyped() -> Outcome {
    let client = prod()?.search_client()?;
    let mut token = client.token().to_owned();
    let last = token.pop().unwrap_or_default();
    token.push(if last == 'a' { 'b' } else { 'a' });
    secrets::note(&token);
    client.clone().with(TOKEN, &token).must_fail(UNAUTHORIZED)?;
    client.with(TOKEN, "hello").must_fail(UNAUTHORIZED)?;
    Ok(())
}

fn other_tenant() -> Outcome {
    let shared = prod()?;
    let (search, ads) = (shared.search_client()?, shared.ads_client()?);
    let (mine, theirs) = (Credential::parse(search.token())?, Credential::parse(ads.token())?);
    let fake = Credential::new(theirs.tenant(), mine.key(), &[9; 32])?;
    search.with(TOKEN, fake.expose()).must_fail(UNAUTHORIZED)?;
    Ok(())
}

/// boto3 without a bearer token; `config` says how it signs.
fn without_token(config: &str) -> Outcome<String> {
    let client = prod()?.search_client()?;
    let code = format!(
        "import boto3, botocore, os, sys\n\
         del os.environ['{TOKEN}']\n\
         sys.path.insert(0, 'tests/clients/python')\n\
         import sdk\n\
         from botocore.config import Config\n\
         with sdk.plain_errors():\n    \
             boto3.client('bedrock-runtime', {config}).converse(modelId=sdk.DEFAULT_MODEL, messages=sdk.message('hello'))\n"
    );
    let ended = client.python(&code)?;
    ensure!(!ended.success, "answered: {}", ended.output);
    Ok(ended.output)
}

fn missing() -> Outcome {
    let output = without_token("config=Config(signature_version=botocore.UNSIGNED)")?;
    ensure!(output.starts_with(UNAUTHORIZED), "{output}");
    Ok(())
}

fn aws_signature() -> Outcome {
    let output = without_token("aws_access_key_id='111122223333', aws_secret_access_key='local'")?;
    ensure!(output.starts_with(UNAUTHORIZED), "{output}");
    Ok(())
}

fn internal_key() -> Outcome {
    let shared = prod()?;
    let identity = aigw_tests::inventory::identity(&shared.gateway());
    let tenant_id = identity.tenant_id("team-search", "search");
    let value = aigw_plan::tenant::internal_key::key_value(&identity, &tenant_id, 0);
    let code = format!(
        "import os, ssl, sys, urllib.request\n\
         context = ssl.create_default_context(cafile=os.environ['AWS_CA_BUNDLE'])\n\
         url = os.environ['{ENDPOINT}'] + '/model/m/converse'\n\
         request = urllib.request.Request(url, data=b'{{}}', headers={{'x-api-key': '{value}'}})\n\
         try:\n    \
             sys.exit(urllib.request.urlopen(request, context=context).status)\n\
         except urllib.error.HTTPError as error:\n    \
             print(error.code)\n"
    );
    let ended = shared.search_client()?.python(&code)?;
    ensure!(ended.stdout.trim() == "401", "a client that presents the internal key: {}", ended.output);
    Ok(())
}

fn not_allowed_family() -> Outcome {
    let client = prod()?.search_client()?;
    let other = client.endpoint().replace("/bedrock-runtime", "/bedrock-agent-runtime");
    let message = client.with(ENDPOINT, &other).must_fail("AccessDeniedException")?;
    ensure!(message.contains("bedrock-agent-runtime") || message.contains("path"), "{message}");
    Ok(())
}

fn unknown_path() -> Outcome {
    let client = prod()?.search_client()?;
    let other = client.endpoint().replace("/bedrock-runtime", "/nonsense");
    client.with(ENDPOINT, &other).must_fail("ValidationException")?;
    Ok(())
}

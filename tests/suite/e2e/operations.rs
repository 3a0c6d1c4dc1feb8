//! Every operation of every Bedrock service model, sent by the SDK through TLS, API Gateway, authorizer and forwarder: what the
//! tenant's rules let pass arrives as the SDK would have sent it to AWS, and nothing else arrives. Two tenants have a grant
//! of every type of resource, one of Bedrock and one of AgentCore (a list of grants has an end), so all that is left to
//! deny is what nobody may call, and what only the other may. Values that break proxies stand in everything but what names
//! a model or a resource; that they pass there too, where no rule is about them, is shown by the data-plane tests
//! (`forwarder/tests/data_plane`).

use std::time::Instant;

use aigw_contract::Family;
use aigw_contract::model::Place;
use aigw_env::bedrock::{Fault, Match, Rule};
use aigw_tests::clients::Client;
use aigw_tests::cluster::tenant;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure_eq, figures, inventory, manifests, names};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// What the stub answers to operations it does not know.
const ANSWER: &str = r#"{"ok":true}"#;
/// Mount of the family in the URL of a client.
const FAMILY: &str = "/bedrock-runtime";
/// Where the gateway of these tests is.
const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };
/// The gateway, and its namespace.
const NAME: &str = "operations";
/// Namespace of the tenant that may reach AgentCore.
const AGENTCORE: &str = "operations-agentcore";
/// The role that the forwarder is given.
const ROLE: &str = "given-to-operations";
/// Names of the services in ARNs.
const SERVICES: [&str; 2] = ["bedrock", "bedrock-agentcore"];

/// Operations of the models of the pinned botocore, and those of AgentCore among them.
const OPERATIONS: u64 = 523;
const OF_AGENTCORE: u64 = 250;
/// Two-way streams, which the SDK's request cannot be made for.
const TWO_WAY: usize = 1;
/// Requests for operations that the tenant with the grants may call: two of each, and more where unions have several
/// members that name something.
const BEDROCK_REQUESTS: u64 = 502;
const AGENTCORE_REQUESTS: u64 = 485;
/// Requests for operations that nobody may call.
const FORBIDDEN_OF_BEDROCK: u64 = 52;
const FORBIDDEN_OF_AGENTCORE: u64 = 26;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "every_operation_of_the_service_models_arrives_byte_for_byte", every_operation)]
}

fn every_operation() -> Outcome {
    let shared = prod()?;
    let own = install(&shared)?;
    let clients = own.tenants.iter().map(|tenant| Client::of(&shared.world, tenant)).collect::<Outcome<Vec<_>>>()?;
    clients.iter().try_for_each(Client::until_answered)?;
    let stub = shared.world.bedrock()?;
    stub.clear_requests();
    let answer = Fault { status: Some(200), body: Some(ANSWER.into()), ..Fault::default() };
    stub.faults().add(Rule::new(Match::default(), 1, 0, answer));
    let outcome = everything(&shared, &clients);
    stub.faults().clear();
    outcome?;
    own.remove(&shared)?;
    forget_role(&shared)
}

/// The tenant of Bedrock calls everything, that of AgentCore what it has the grants for.
fn everything(shared: &Shared, clients: &[Client]) -> Outcome {
    let [bedrock, agentcore] = clients else { return Err("a tenant for each service".into()) };
    let started = Instant::now();
    let all = Sent::of(shared, bedrock, &[])?;
    let forbidden = FORBIDDEN_OF_BEDROCK + FORBIDDEN_OF_AGENTCORE;
    all.check(OPERATIONS, TWO_WAY, BEDROCK_REQUESTS, [forbidden, AGENTCORE_REQUESTS])?;
    let families = Family::ALL.into_iter().filter(|family| family.signing_name() == SERVICES[1]);
    let families: Vec<_> = families.flat_map(|family| ["--family", family.endpoint_prefix()]).collect();
    let granted = Sent::of(shared, agentcore, &families)?;
    granted.check(OF_AGENTCORE, 0, AGENTCORE_REQUESTS, [FORBIDDEN_OF_AGENTCORE, 0])?;
    figures::note(
        "requests of every operation of the eight service models",
        format!(
            "{} arrived byte for byte; {forbidden} denied as nobody may call them, and {AGENTCORE_REQUESTS} without a \
             grant; {} s",
            BEDROCK_REQUESTS + AGENTCORE_REQUESTS,
            started.elapsed().as_secs()
        ),
    );
    Ok(())
}

/// The gateway with all families, and a tenant per service.
fn install(shared: &Shared) -> Outcome<Own> {
    let cluster = &shared.world.cluster;
    let [own_rule, other_rule] = SERVICES.map(|service| {
        let models = [json!({"match": "anthropic.*"}), json!({"match": names::profile(PLACE)})];
        json!({"tiers": ["silver"], "models": models, "resources": names::grants(service, PLACE)})
    });
    let labels = json!({"kubernetes.io/metadata.name": AGENTCORE});
    let spec = json!({
        "bedrock": {"families": Family::ALL.map(Family::endpoint_prefix)},
        // The actions on every type of resource are more than one policy has room for.
        "functions": {"forwarder": {"roleArn": given_role(shared)?}},
        "tiers": [{"name": "silver", "plan": {"requestsPerSecond": 1000, "burst": 2000}}],
        "tenants": {"rules": [
            {"name": SERVICES[0], "match": {"namespaces": {"from": "Same"}}, "allow": own_rule},
            {"name": SERVICES[1], "match": {"namespaces": {"selector": {"matchLabels": labels}}}, "allow": other_rule},
        ]},
    });
    let mut own = shared.begin(NAME, &spec, &[])?;
    cluster.namespace(AGENTCORE, false)?;
    for (service, namespace) in SERVICES.into_iter().zip([NAME, AGENTCORE]) {
        let asked = json!({"spec": {"resources": names::grants(service, PLACE)}});
        let object = manifests::with(manifests::tenant(namespace, "one", (NAME, NAME), "silver"), &asked);
        cluster.apply(&[object])?;
        own.tenants.push(tenant(namespace, "one"));
    }
    own.wait_ready(shared)?;
    Ok(own)
}

/// A role that somebody made for the forwarder.
fn given_role(shared: &Shared) -> Outcome<String> {
    let trust = aigw_plan::gateway::roles::trust();
    let code = format!(
        "role = boto3.client('iam').create_role(RoleName='{ROLE}', AssumeRolePolicyDocument='{trust}')\n\
         print(json.dumps(role['Role']['Arn']))"
    );
    let arn = inventory::boto3(&shared.world, &code)?;
    Ok(arn.as_str().ok_or("the role has no ARN")?.to_owned())
}

/// The role is nothing of the operator's.
fn forget_role(shared: &Shared) -> Outcome {
    let code = format!("boto3.client('iam').delete_role(RoleName='{ROLE}')\nprint('null')");
    inventory::boto3(&shared.world, &code).map(drop)
}

/// What became of the requests of one tenant.
struct Sent(Value);

impl Sent {
    /// Sends the operations of some families; of all where none is named.
    fn of(shared: &Shared, client: &Client, families: &[&str]) -> Outcome<Self> {
        let gateway = client.endpoint().strip_suffix(FAMILY).ok_or("the endpoint names no family")?;
        let instance = shared.world.cluster.instance();
        let stub = instance.bedrock_url()?;
        let table = instance.dir().join("operations.json");
        std::fs::write(&table, names::table(PLACE).to_string())?;
        let table = table.display().to_string();
        let mut arguments = vec!["--names", &table, "--through-api-gateway", "--gateway", gateway, "--stub", &stub];
        arguments.extend(["--region", PLACE.region, "--answer", ANSWER]);
        arguments.extend(families);
        client.run("operations.py", &arguments)?.ok()?.summary().map(Self)
    }

    /// Fails unless as many operations were sent as there are, every request of `arrived` came as boto3 would have sent
    /// it, and those denied are of operations that nobody may call, or that needed a grant.
    fn check(&self, operations: u64, refused: usize, arrived: u64, [forbidden, ungranted]: [u64; 2]) -> Outcome {
        let Self(summary) = self;
        let list = |name: &str| summary[name].as_array().map_or(0, Vec::len);
        let sum = |what: &str, classes: &[&str]| -> u64 {
            classes.iter().filter_map(|class| summary[what][class].as_u64()).sum()
        };
        let open = ["inference", "free", "fixed", "use", "manage"];
        ensure_eq!(
            (&summary["operations"], list("refused")),
            (&json!(operations), refused),
            "operations, two-way streams"
        );
        ensure_eq!(list("unnamed"), 0, "models or resources that no request named, in {summary}");
        ensure_eq!((&summary["exact"], sum("arrived", &open)), (&json!(arrived), arrived), "arrived, in {summary}");
        ensure_eq!(sum("arrived", &["forbidden", "unknown"]), 0, "arrived and may not, in {summary}");
        let denied = [sum("denied", &["forbidden"]), sum("denied", &["use", "manage"])];
        ensure_eq!(denied, [forbidden, ungranted], "denied to everybody, and for want of a grant, in {summary}");
        ensure_eq!(sum("denied", &["inference", "free", "fixed", "unknown"]), 0, "denied needlessly, in {summary}");
        Ok(())
    }
}

//! A tenant's application: AWS SDK programs with the variables of the tenant's Secret, the environment's CA and a
//! Region, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cluster::{Cluster, Object, secret};
use crate::program::{Background, Ended, run};
use crate::world::World;
use crate::{Outcome, ensure, repository, secrets, wait};

/// The variable with the credential.
pub const TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// The variable with the gateway's URL.
pub const ENDPOINT: &str = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME";

/// An application.
#[derive(Clone, Debug)]
pub struct Client {
    /// The Secret's variables.
    pub secret: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    dir: PathBuf,
}

impl Client {
    /// The application of a tenant whose Secret has the default name, in the shared environment.
    pub fn of(world: &World, tenant: &Object) -> Outcome<Self> {
        Self::in_cluster(world, &world.cluster, tenant)
    }

    /// The application of a tenant of another cluster, whose gateway is in the shared environment.
    pub fn in_cluster(world: &World, cluster: &Cluster, tenant: &Object) -> Outcome<Self> {
        let secret = read_secret(cluster, &tenant.namespace, &format!("ai-gateway-{}", tenant.name))?;
        let all = world.cluster.instance().env();
        let kept = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
        let mut env: BTreeMap<_, _> =
            kept.iter().filter_map(|name| Some(((*name).to_owned(), all.get(*name)?.clone()))).collect();
        env.insert("PATH".into(), std::env::var("PATH").unwrap_or_default());
        // An empty home: no profile of the person who runs this. No metadata service: it is not on loopback.
        env.insert("HOME".into(), world.cluster.instance().dir().join("home").display().to_string());
        env.insert("AWS_EC2_METADATA_DISABLED".into(), "true".into());
        env.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        Ok(Self { secret, env, dir: world.clients()?.to_owned() })
    }

    /// With another value of one of the Secret's variables.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.secret.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without one of the Secret's variables.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.secret.remove(name);
        self
    }

    /// The credential.
    pub fn token(&self) -> &str {
        self.secret.get(TOKEN).map_or("", String::as_str)
    }

    /// The gateway's URL with the family's name.
    pub fn endpoint(&self) -> &str {
        self.secret.get(ENDPOINT).map_or("", String::as_str)
    }

    /// Every variable its programs get.
    pub fn env(&self) -> BTreeMap<String, String> {
        self.env.clone().into_iter().chain(self.secret.clone()).collect()
    }

    fn program(&self, name: &str) -> (PathBuf, String) {
        if name.rsplit('.').next() == Some("mjs") {
            (PathBuf::from("node"), self.dir.join("node").join(name).display().to_string())
        } else {
            let script = repository::path("tests/clients/python").join(name);
            (self.dir.join("venv/bin/python"), script.display().to_string())
        }
    }

    /// Runs a client program.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Outcome<Ended> {
        let (interpreter, script) = self.program(name);
        run(&interpreter, &[&[script.as_str()], arguments].concat(), &self.env())
    }

    /// Runs Python in the client programs' environment.
    pub fn python(&self, code: &str) -> Outcome<Ended> {
        run(&self.dir.join("venv/bin/python"), &["-c", code], &self.env())
    }

    /// Runs an ECMAScript module that is not among the client programs, beside their packages.
    pub fn module(&self, script: &Path) -> Outcome<Ended> {
        let name = script.file_name().ok_or("no script")?;
        let copy = self.dir.join("node").join(name);
        std::fs::copy(script, &copy)?;
        run(&PathBuf::from("node"), &[&copy.display().to_string()], &self.env())
    }

    /// One call of boto3's `converse`.
    pub fn converse(&self) -> Outcome<Ended> {
        self.run("converse.py", &[])
    }

    /// Fails unless a call is answered.
    pub fn must_answer(&self) -> Outcome {
        self.converse()?.ok().map(drop)
    }

    /// Waits until a call is answered: a new API takes a moment.
    pub fn until_answered(&self) -> Outcome {
        wait::until("a call is answered", || self.must_answer())
    }

    /// Fails unless a call ends in an error whose line begins with `class` and a colon; gives the message.
    pub fn must_fail(&self, class: &str) -> Outcome<String> {
        self.converse()?.must_fail(class)
    }

    /// Calls one after the other in the background.
    pub fn steady(&self) -> Outcome<Steady> {
        self.steady_with(&[])
    }

    /// [`Client::steady`] with arguments.
    pub fn steady_with(&self, arguments: &[&str]) -> Outcome<Steady> {
        let (interpreter, script) = self.program("steady.py");
        Ok(Steady(Background::start(&interpreter, &[&[script.as_str()], arguments].concat(), &self.env())?))
    }

    /// Many calls at once: how often each outcome was met.
    pub fn burst(&self, calls: u64) -> Outcome<BTreeMap<String, u64>> {
        self.bursting(&["--calls", &calls.to_string()])
    }

    /// The same with so many in flight, each asking for so many tokens of output.
    pub fn burst_with(&self, calls: u64, parallel: u64, output_tokens: u64) -> Outcome<BTreeMap<String, u64>> {
        let [calls, parallel, tokens] = [calls, parallel, output_tokens].map(|number| number.to_string());
        self.bursting(&["--calls", &calls, "--parallel", &parallel, "--max-tokens", &tokens])
    }

    /// What the tenant has used, as the gateway tells its owner.
    pub fn usage(&self) -> Outcome<Value> {
        self.run("usage.py", &[])?.ok()?.summary()
    }

    fn bursting(&self, arguments: &[&str]) -> Outcome<BTreeMap<String, u64>> {
        let summary = self.run("burst.py", arguments)?.summary()?;
        let outcomes = summary["outcomes"].as_object().cloned().unwrap_or_default();
        Ok(outcomes.into_iter().map(|(name, count)| (name, count.as_u64().unwrap_or_default())).collect())
    }
}

/// Calls without pause.
pub struct Steady(Background);

impl Steady {
    /// Ends them; fails if one of them failed. Gives how many there were.
    pub fn none_failed(self) -> Outcome<u64> {
        let summary = self.0.finish()?.summary()?;
        ensure!(summary["failed"] == 0, "calls failed meanwhile: {summary}");
        let total = summary["total"].as_u64().unwrap_or_default();
        ensure!(total > 3, "too few calls to say anything: {summary}");
        Ok(total)
    }
}

/// A Secret's data as text. The credential in it is noted.
pub fn read_secret(cluster: &Cluster, namespace: &str, name: &str) -> Outcome<BTreeMap<String, String>> {
    let found = cluster.get(&secret(namespace, name))?;
    let data = found["data"].as_object().cloned().unwrap_or_default();
    let decode = |(name, value): (String, Value)| -> Outcome<(String, String)> {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default())?;
        Ok((name, String::from_utf8(bytes)?))
    };
    let data: BTreeMap<_, _> = data.into_iter().map(decode).collect::<Outcome<_>>()?;
    if let Some(credential) = data.get(TOKEN) {
        secrets::note(credential);
    }
    Ok(data)
}

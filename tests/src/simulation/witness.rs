//! Looks for credentials where none may be.
//!
//! A [`Witness`] stands before both fakes and looks at every call of an operator, so it sees each Secret and each internal
//! key that was ever there, those replaced since included, and each version of every other object. [`Witness::places`]
//! is all text in which a credential would be a leak, [`leaks`] those in which there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_contract::Credential;
use aigw_fakes::aws::FakeAws;
use aigw_fakes::intercept::{Call, Intercept, ServeAll, SharedIntercept, Verdict};
use aigw_fakes::kube::FakeKube;
use aigw_operator::traces;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Process, World};

/// Kinds whose objects anyone may read who may read the kind; of a Secret everything but its data is such.
const KINDS: [&str; 6] = ["aigateways", "tenants", "secrets", "events", "namespaces", "leases"];
/// The field of a Secret that holds what is secret.
const DATA: &str = "data";

/// What was seen.
#[derive(Default)]
struct Seen {
    secrets: BTreeSet<String>,
    /// Text by where it was.
    objects: BTreeMap<String, String>,
    /// Versions looked at already.
    versions: BTreeSet<String>,
    calls: String,
}

/// Sees what there is at every call of an operator.
pub struct Witness {
    kube: FakeKube,
    aws: FakeAws,
    /// Who decides what becomes of calls.
    decides: SharedIntercept,
    seen: Mutex<Seen>,
}

impl Witness {
    /// One that lets everything pass.
    pub fn of(world: &World) -> Arc<Self> {
        Self::before(world, Arc::new(ServeAll))
    }

    /// One that asks `decides` what becomes of each call.
    pub fn before(world: &World, decides: SharedIntercept) -> Arc<Self> {
        let (kube, aws) = (world.kube.clone(), world.aws.clone());
        let witness = Arc::new(Self { kube, aws, decides, seen: Mutex::default() });
        world.kube.set_intercept(witness.clone());
        world.aws.set_intercept(witness.clone());
        witness.look();
        witness
    }

    /// Credentials seen so far: their secret parts, in clear and as in a Secret's data, and values of internal keys.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.look();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).secrets.clone()
    }

    /// All text in which none of them may be, by where it is, with the plan that `plan` tells.
    pub fn places(&self, world: &World, process: &Process, plan: String) -> BTreeMap<String, String> {
        self.look();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = seen.objects.clone();
        let mut answers = String::new();
        for call in world.aws.calls() {
            let _ = writeln!(answers, "{} {} {} {}", call.actor, call.operation, call.target, call.outcome);
        }
        places.insert("calls".into(), seen.calls.clone());
        places.insert("answers of AWS".into(), answers);
        places.insert("log".into(), world.log.text());
        places.insert("traces".into(), traces::batch(&[], &world.log.spans()).to_string());
        places.insert("metrics".into(), process.metrics.encode(&[]).unwrap_or_default());
        places.insert("plan".into(), plan);
        places
    }

    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for plural in KINDS {
            for mut object in self.kube.objects(plural) {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
                let version = format!("{plural} {}/{} at {}", text("namespace"), text("name"), text("resourceVersion"));
                if !seen.versions.insert(version.clone()) {
                    continue;
                }
                if plural == "secrets" {
                    let data = object.as_object_mut().and_then(|fields| fields.remove(DATA));
                    seen.secrets.extend(secrets_of(&data.unwrap_or_default()));
                }
                seen.objects.insert(version, object.to_string());
            }
        }
        for region in self.aws.state().regions.values() {
            seen.secrets.extend(region.api_keys.values().map(|key| key.value.clone()));
        }
    }
}

impl Intercept for Witness {
    fn call(&self, call: &Call) -> Verdict {
        self.look();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(seen.calls, "{call}");
        drop(seen);
        self.decides.call(call)
    }
}

/// What must not be seen of a Secret's data: of our credentials the part that is secret, as the end-to-end tests look for
/// it, and the whole as it is encoded here; of anything that is not ours all values.
fn secrets_of(data: &Value) -> BTreeSet<String> {
    let mut encoded: Vec<(String, String)> = Vec::new();
    for value in data.as_object().into_iter().flat_map(|fields| fields.values()).filter_map(Value::as_str) {
        encoded.push((
            value.to_owned(),
            String::from_utf8_lossy(&STANDARD.decode(value).unwrap_or_default()).into_owned(),
        ));
    }
    let ours = encoded.iter().any(|(_, value)| Credential::parse(value).is_ok());
    let secret = encoded.into_iter().filter(|(_, value)| !ours || Credential::parse(value).is_ok());
    secret.flat_map(|(encoded, value)| [encoded, value.rsplit('_').next().unwrap_or_default().to_owned()]).collect()
}

/// Where a secret is that must not be there. The secret itself is not told.
pub fn leaks(secrets: &BTreeSet<String>, places: &BTreeMap<String, String>) -> Vec<String> {
    let leaking = places.iter().filter_map(|(place, text)| {
        let found = secrets.iter().find_map(|secret| text.find(secret.as_str()))?;
        let before: String = text[..found].chars().rev().take(200).collect();
        Some(format!("{place} contains a credential after: {}", before.chars().rev().collect::<String>()))
    });
    leaking.collect()
}

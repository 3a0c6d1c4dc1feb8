//! What beside spec and AWS decides about releases: what people say by annotation, and how other gateways are doing.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::{AIGatewaySpec, AIGatewayStatus, FunctionStatus, ReleasePolicy, annotations};

use crate::identity::Function;

/// What beside spec and AWS decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// Versions that are to take all calls now.
    pub promote: BTreeSet<(Function, String)>,
    /// Versions that are to be sent back.
    pub abort: BTreeSet<(Function, String)>,
    /// The annotation that says something else than versions, if one does.
    pub unclear: Option<&'static str>,
    /// Gateways whose turn is before this one's.
    pub ahead: i64,
    /// Hashes of code that another gateway sent back, with that gateway.
    pub rejected_elsewhere: BTreeMap<String, String>,
}

/// A gateway of the cluster, as far as releases of others go by it.
pub struct Contender<'a> {
    /// Namespace and name.
    pub name: (String, String),
    /// Spec.
    pub spec: &'a AIGatewaySpec,
    /// Status.
    pub status: Option<&'a AIGatewayStatus>,
}

impl ReleaseFacts {
    /// For the gateway of that name, with those annotations, among all of the cluster that are to stay.
    ///
    /// Gateways take turns in the order of their names, an interval apart: nobody has to know how far another one is, so
    /// one that has too few calls for a step holds up nobody.
    pub fn of<'a>(
        name: &(String, String),
        annotated: &BTreeMap<String, String>,
        others: impl IntoIterator<Item = Contender<'a>>,
    ) -> Self {
        let mut facts = Self::default();
        for (annotation, versions) in
            [(annotations::PROMOTE, &mut facts.promote), (annotations::ABORT, &mut facts.abort)]
        {
            for named in annotated.get(annotation).iter().flat_map(|value| value.split(',')) {
                match version(named.trim()) {
                    Some(named) => drop(versions.insert(named)),
                    None => facts.unclear = Some(annotation),
                }
            }
        }
        for other in others.into_iter().filter(|other| other.name != *name) {
            let policy = other.spec.releases.as_ref().and_then(|releases| releases.policy);
            if policy == Some(ReleasePolicy::Canary) && other.name < *name {
                facts.ahead += 1;
            }
            let functions = other.status.iter().flat_map(|status| &status.functions);
            // Code that serves there all the same was sent back for its memory or time-out.
            let bad = |function: &'a FunctionStatus| {
                function.rejected.as_ref().filter(|rejected| rejected.code_sha256 != function.code_sha256)
            };
            for rejected in functions.filter_map(bad) {
                let told = format!("{}/{}", other.name.0, other.name.1);
                facts.rejected_elsewhere.insert(rejected.code_sha256.clone(), told);
            }
        }
        facts
    }
}

/// `forwarder/12`.
fn version(text: &str) -> Option<(Function, String)> {
    let (name, version) = text.split_once('/')?;
    let function = Function::ALL.into_iter().find(|function| function.as_str() == name)?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| (function, version.to_owned()))
}

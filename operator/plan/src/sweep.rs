//! Which AWS objects of this installation nobody owns any more, and which of them may be taken away.
//!
//! An orphan is the exception: a finalizer removed by hand, a crash in a corner nobody thought of. So doubt always keeps
//! the object: one that is young, of another installation, outside the watched namespaces, of a gateway whose table
//! says that another cluster keeps it, or whose Region was not looked into. The cloud is listed before the cluster, so that an object made in
//! between has its owner in the later list. A table is never taken away here: it is the ledger, and the default for it
//! is to outlive its gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use aigw_contract::table::OwnerRecord;

use crate::gateway::step::GatewayStep;
use crate::identity::GatewayIdentity;

/// Kinds of AWS objects the operator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A REST API with its stages and deployments.
    RestApi,
    /// A usage plan.
    UsagePlan,
    /// An internal API key.
    ApiKey,
    /// A function.
    Function,
    /// An IAM role.
    Role,
    /// A log group.
    LogGroup,
    /// A table.
    Table,
}

impl Kind {
    /// In words, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::RestApi => "rest api",
            Self::UsagePlan => "usage plan",
            Self::ApiKey => "api key",
            Self::Function => "function",
            Self::Role => "role",
            Self::LogGroup => "log group",
            Self::Table => "table",
        }
    }
}

/// An AWS object with an installation's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedObject {
    /// Kind.
    pub kind: Kind,
    /// What a deletion names: the id in API Gateway, else the name.
    pub id: String,
    /// Name.
    pub name: String,
    /// Value of the id tag: the gateway it belongs to.
    pub gateway_id: String,
    /// Value of the tenant's tag, on internal keys.
    pub tenant_id: Option<String>,
    /// Stages a usage plan is attached to, as (REST API id, stage name).
    pub api_stages: Vec<(String, String)>,
    /// Creation in seconds since the Unix epoch, where the service tells.
    pub created: Option<i64>,
}

/// An object, where it was found and how long it has been there at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Region it was listed in. Roles belong to none; theirs is the first they were listed in.
    pub region: String,
    /// The object.
    pub object: OwnedObject,
    /// Age.
    pub age: Duration,
}

/// What the cluster holds, as listed after the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Gateways by namespace and name, those being deleted included, with their UID.
    pub gateways: BTreeMap<(String, String), String>,
    /// Ids of the tenants of each gateway, by the gateway's namespace and name.
    pub tenants: BTreeMap<(String, String), BTreeSet<String>>,
    /// The namespaces that were listed; `None` for all.
    pub namespaces: Option<BTreeSet<String>>,
}

/// What the gateway's table says about its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// There is no table where the gateway's objects are.
    NoTable,
    /// The owner took itself out: the gateway was deleted, and what is left was to be kept.
    Released,
    /// An object of this cluster.
    Here {
        /// Its UID.
        object_uid: String,
    },
    /// An object of another cluster.
    Elsewhere {
        /// Whether it has given a sign of life lately.
        alive: bool,
    },
}

impl Owner {
    /// What tables in several Regions say together: whatever keeps most.
    pub fn together(owners: impl IntoIterator<Item = Self>) -> Self {
        let kept = |owner: &Self| match owner {
            Self::NoTable => 0,
            Self::Here { .. } => 1,
            Self::Released => 2,
            Self::Elsewhere { alive: false } => 3,
            Self::Elsewhere { alive: true } => 4,
        };
        owners.into_iter().max_by_key(kept).unwrap_or(Self::NoTable)
    }

    /// What `record` of a table that exists says to the cluster `cluster_uid` at `now`, in seconds since the Unix epoch.
    /// An owner silent for `silence` is gone.
    pub fn of(record: Option<&OwnerRecord>, cluster_uid: &str, now: i64, silence: Duration) -> Self {
        match record {
            None => Self::Released,
            Some(record) if record.cluster_uid == cluster_uid => Self::Here { object_uid: record.object_uid.clone() },
            Some(record) => {
                let silent = u64::try_from(now.saturating_sub(record.heartbeat)).unwrap_or(0);
                Self::Elsewhere { alive: silent < silence.as_secs() }
            }
        }
    }
}

/// Why an object is there without an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nobody's: its object in this cluster is gone without having cleaned up.
    Abandoned,
    /// Kept on purpose when its gateway was deleted.
    Retained,
    /// Left by another cluster, or not known whose: a restore from Git that has not come to this gateway yet looks the same.
    Uncertain,
}

/// Objects without an owner that carry the id of one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// The gateway whose tags they carry.
    pub gateway: GatewayIdentity,
    /// Whether that gateway exists; then these are keys of tenants that do not.
    pub gateway_exists: bool,
    /// Why they are there.
    pub standing: Standing,
    /// The objects, in a stable order.
    pub objects: Vec<Found>,
}

/// Gateways whose ownership record decides: those that are absent, and those with keys of absent tenants. With the
/// Regions to look for their table in: where their objects are. None where only roles were found, which are in no Region.
pub fn in_question(
    installation: &str,
    found: &[Found],
    view: &View,
    floor: Duration,
) -> BTreeMap<GatewayIdentity, BTreeSet<String>> {
    let mut gateways: BTreeMap<GatewayIdentity, BTreeSet<String>> = BTreeMap::new();
    for (gateway, each) in unclaimed(installation, found, view, floor) {
        let region = (each.object.kind != Kind::Role).then(|| each.region.clone());
        gateways.entry(gateway).or_default().extend(region);
    }
    gateways
}

/// Objects without an owner, by gateway. `owners` answers [`in_question`]; what it lacks is not judged.
pub fn orphans(
    installation: &str,
    found: &[Found],
    view: &View,
    owners: &BTreeMap<GatewayIdentity, Owner>,
    floor: Duration,
) -> Vec<Orphans> {
    let mut groups: BTreeMap<GatewayIdentity, Vec<Found>> = BTreeMap::new();
    for (gateway, each) in unclaimed(installation, found, view, floor) {
        groups.entry(gateway).or_default().push(each.clone());
    }
    let judge = |(gateway, mut objects): (GatewayIdentity, Vec<Found>)| {
        let uid = view.gateways.get(&(gateway.namespace.clone(), gateway.name.clone()));
        let standing = standing(owners.get(&gateway)?, uid.map(String::as_str), &objects)?;
        objects.sort_by(|one, other| {
            (one.object.kind, &one.region, &one.object.id).cmp(&(other.object.kind, &other.region, &other.object.id))
        });
        Some(Orphans { gateway, gateway_exists: uid.is_some(), standing, objects })
    };
    groups.into_iter().filter_map(judge).collect()
}

/// `None` where they are no orphans.
fn standing(owner: &Owner, gateway_uid: Option<&str>, objects: &[Found]) -> Option<Standing> {
    let only_roles = || objects.iter().all(|each| each.object.kind == Kind::Role);
    match (owner, gateway_uid) {
        // Keys of absent tenants, of a gateway that is ours beyond doubt.
        (Owner::Here { object_uid }, Some(uid)) if object_uid == uid => Some(Standing::Abandoned),
        // Kept by another cluster; or being taken over or deleted here, and the gateway's own passes come to them.
        (Owner::Elsewhere { alive: true }, _) | (_, Some(_)) => None,
        (Owner::Released, None) => Some(Standing::Retained),
        (Owner::Elsewhere { alive: false }, None) => Some(Standing::Uncertain),
        // Roles alone do not tell in which Region the rest, and with it the table, may be.
        (Owner::NoTable, None) if only_roles() => Some(Standing::Uncertain),
        (Owner::Here { .. } | Owner::NoTable, None) => Some(Standing::Abandoned),
    }
}

/// Objects old enough that no object of the cluster claims.
fn unclaimed<'a>(
    installation: &str,
    found: &'a [Found],
    view: &View,
    floor: Duration,
) -> impl Iterator<Item = (GatewayIdentity, &'a Found)> {
    found.iter().filter(move |each| each.age >= floor).filter_map(move |each| {
        let gateway = GatewayIdentity::from_id(&each.object.gateway_id)?;
        let listed = view.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(&gateway.namespace));
        let ours = gateway.installation == installation;
        (ours && listed && !claimed(&gateway, &each.object, view)).then_some((gateway, each))
    })
}

fn claimed(gateway: &GatewayIdentity, object: &OwnedObject, view: &View) -> bool {
    let name = (gateway.namespace.clone(), gateway.name.clone());
    if !view.gateways.contains_key(&name) {
        return false;
    }
    match &object.tenant_id {
        // Its tenant may be in a namespace that was not listed.
        Some(_) if view.namespaces.is_some() => true,
        Some(tenant) => view.tenants.get(&name).is_some_and(|tenants| tenants.contains(tenant)),
        // Everything else of a gateway is the gateway's to keep or to delete.
        None => true,
    }
}

impl Orphans {
    /// The steps that take them away, with their Region, in the order of a gateway's own deletion; empty for what is
    /// kept on purpose or in doubt.
    pub fn removal(&self) -> Vec<(String, GatewayStep)> {
        if self.standing != Standing::Abandoned {
            return Vec::new();
        }
        let of = |kind| self.objects.iter().filter(move |each| each.object.kind == kind);
        let apis: BTreeSet<(&str, &str)> =
            of(Kind::RestApi).map(|api| (api.region.as_str(), api.object.id.as_str())).collect();
        let mut steps = Vec::new();
        let mut stages = BTreeSet::new();
        for plan in of(Kind::UsagePlan) {
            let ours = plan.object.api_stages.iter().filter(|(api, _)| apis.contains(&(&*plan.region, api)));
            stages.extend(ours.map(|stage| (plan.region.clone(), stage.clone())));
        }
        steps.extend(stages.into_iter().map(|(region, (rest_api_id, stage))| {
            // Stages first: that cuts traffic, and detaches the plans.
            (region, GatewayStep::DeleteStage { rest_api_id, stage })
        }));
        for kind in [Kind::UsagePlan, Kind::ApiKey, Kind::RestApi, Kind::Function, Kind::LogGroup, Kind::Role] {
            steps.extend(of(kind).filter_map(|each| Some((each.region.clone(), delete(each, &apis)?))));
        }
        steps
    }

    /// What they are and why, in one sentence that is the same for the same objects.
    pub fn sentence(&self) -> String {
        let GatewayIdentity { namespace, name, .. } = &self.gateway;
        let counts = self.counts();
        let one = self.objects.len() == 1;
        let (carry, were, stay) = if one { ("carries", "was", "stays") } else { ("carry", "were", "stay") };
        if self.gateway_exists {
            return format!("AIGateway {namespace}/{name} has {counts} of tenants that do not exist");
        }
        match self.standing {
            Standing::Abandoned => {
                format!("{counts} {carry} the tags of AIGateway {namespace}/{name}, which does not exist")
            }
            Standing::Retained => {
                format!("{counts} {were} kept when AIGateway {namespace}/{name} was deleted, and {stay}")
            }
            Standing::Uncertain => format!(
                "{counts} {carry} the tags of AIGateway {namespace}/{name}, which does not exist here and may belong to another cluster; to remove what is left, apply that AIGateway and delete it"
            ),
        }
    }

    /// How many of each kind, in words.
    fn counts(&self) -> String {
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        for each in &self.objects {
            *counts.entry(each.object.kind).or_default() += 1;
        }
        let words = counts.iter().map(|(kind, count)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{count} {}{plural}", kind.words())
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// The step for one object; `None` for a table. `apis` go too, with their stages before anything else.
fn delete(found: &Found, apis: &BTreeSet<(&str, &str)>) -> Option<GatewayStep> {
    let OwnedObject { kind, id, name, api_stages, .. } = &found.object;
    Some(match kind {
        Kind::RestApi => GatewayStep::DeleteRestApi { rest_api_id: id.clone() },
        Kind::UsagePlan => {
            let left = api_stages.iter().filter(|(api, _)| !apis.contains(&(&*found.region, api)));
            GatewayStep::DeleteUsagePlan { id: id.clone(), api_stages: left.cloned().collect() }
        }
        Kind::ApiKey => GatewayStep::DeleteApiKey { id: id.clone(), name: name.clone() },
        Kind::Function => GatewayStep::DeleteFunction { name: name.clone() },
        Kind::Role => GatewayStep::DeleteRole { name: name.clone() },
        Kind::LogGroup => GatewayStep::DeleteLogGroup { name: name.clone() },
        Kind::Table => return None,
    })
}

/// Value of a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(pub &'static str);

impl Label {
    /// Every value there is.
    pub const ALL: [Self; 9] = [
        Self("rest_api"),
        Self("usage_plan"),
        Self("api_key"),
        Self("function"),
        Self("role"),
        Self("log_group"),
        Self("table"),
        Self("retained_table"),
        Self("retained_compute"),
    ];

    /// The label of an object.
    pub const fn of(kind: Kind, standing: Standing) -> Self {
        Self(match (standing, kind) {
            (Standing::Retained, Kind::Table) => "retained_table",
            (Standing::Retained, _) => "retained_compute",
            (_, Kind::RestApi) => "rest_api",
            (_, Kind::UsagePlan) => "usage_plan",
            (_, Kind::ApiKey) => "api_key",
            (_, Kind::Function) => "function",
            (_, Kind::Role) => "role",
            (_, Kind::LogGroup) => "log_group",
            (_, Kind::Table) => "table",
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// How many orphans there are under each label, zeros included.
pub fn totals(orphans: &[Orphans]) -> BTreeMap<Label, usize> {
    let mut totals: BTreeMap<Label, usize> = Label::ALL.into_iter().map(|label| (label, 0)).collect();
    for group in orphans {
        for each in &group.objects {
            *totals.entry(Label::of(each.object.kind, group.standing)).or_default() += 1;
        }
    }
    totals
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;

//! The one installation that the end-to-end tests share: the operator, the gateway `prod` with a tenant in each tier, as
//! in `examples/quickstart`. Made when the first test asks for it, so that any test can run alone.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::calls::Calls;
use crate::clients::Client;
use crate::cluster::{Object, gateway, tenant};
use crate::installation::{self, Aws};
use crate::inventory::INSTALLATION;
use crate::world::{World, world};
use crate::{Outcome, figures, manifests, repository, weather};

/// What was installed.
#[derive(Clone)]
pub struct Shared {
    /// The environment.
    pub world: Arc<World>,
    /// Port of the operator's health and metrics.
    pub port: u16,
    /// The AWS calls since the operator was installed: other suites call the same emulator before.
    pub since_installed: Calls,
}

static INSTALLED: Mutex<Option<(u16, Calls)>> = Mutex::new(None);
static PROD: Mutex<bool> = Mutex::new(false);

/// The operator, installed in the shared cluster.
pub fn operator() -> Outcome<Shared> {
    let world = world()?;
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((port, since_installed)) = installed.clone() {
        return Ok(Shared { world, port, since_installed });
    }
    let since_installed = Calls::from_now(world.proxy()?);
    let aws = Aws { endpoint: world.cluster.instance().aws_endpoint()?, front: &world.cluster };
    if weather::always() {
        weather::arm(world.proxy()?, 1);
    }
    let port = installation::operator(&world.cluster, &aws, INSTALLATION)?;
    *installed = Some((port, since_installed.clone()));
    Ok(Shared { world, port, since_installed })
}

/// The operator with the gateway `prod` and the tenants `search` (silver) and `ads` (trial), all Ready.
pub fn prod() -> Outcome<Shared> {
    let shared = operator()?;
    let mut made = PROD.lock().unwrap_or_else(PoisonError::into_inner);
    if !*made {
        let calls = Calls::from_now(shared.world.proxy()?);
        shared.apply_examples()?;
        shared.world.cluster.wait_ready(&shared.gateway())?;
        for each in [shared.search(), shared.ads()] {
            shared.world.cluster.wait_ready(&each)?;
        }
        figures::note("AWS calls for one gateway and two tenants from nothing", calls.figure());
        *made = true;
    }
    Ok(shared)
}

/// The examples, changed only as the demo changes them: this machine's architecture, and nothing left at the end.
pub fn examples() -> Outcome<Vec<Value>> {
    let patch = repository::yaml(&format!("tests/demo/gateway-{}.yaml", repository::architecture()))?;
    let mut objects = Vec::new();
    for file in repository::files("examples/quickstart", ".yaml")? {
        for object in repository::yaml(&file)? {
            let is_gateway = object["kind"] == "AIGateway";
            objects.push(if is_gateway { manifests::with(object, &patch[0]) } else { object });
        }
    }
    Ok(objects)
}

impl Shared {
    /// The gateway.
    pub fn gateway(&self) -> Object {
        gateway("ai-platform", "prod")
    }

    /// The tenant in tier silver.
    pub fn search(&self) -> Object {
        tenant("team-search", "search")
    }

    /// The tenant in tier trial.
    pub fn ads(&self) -> Object {
        tenant("team-ads", "ads")
    }

    /// The application of `search`.
    pub fn search_client(&self) -> Outcome<Client> {
        Client::of(&self.world, &self.search())
    }

    /// The application of `ads`.
    pub fn ads_client(&self) -> Outcome<Client> {
        Client::of(&self.world, &self.ads())
    }

    /// The AWS calls of the operator from now on.
    pub fn calls(&self) -> Outcome<Calls> {
        Ok(Calls::from_now(self.world.proxy()?))
    }

    fn apply_examples(&self) -> Outcome {
        self.world.cluster.apply(&examples()?)
    }

    /// A gateway of one's own in a namespace of its own, Ready, with tenants (name, tier) in the same namespace. The
    /// patch is merged into its spec.
    pub fn own(&self, name: &str, spec: &Value, tenants: &[(&str, &str)]) -> Outcome<Own> {
        let own = self.begin(name, spec, tenants)?;
        own.wait_ready(self)?;
        Ok(own)
    }

    /// [`Shared::own`] without waiting.
    pub fn begin(&self, name: &str, spec: &Value, tenants: &[(&str, &str)]) -> Outcome<Own> {
        let cluster = &self.world.cluster;
        cluster.namespace(name, true)?;
        let mut objects = vec![manifests::with(manifests::gateway(name, name), &serde_json::json!({"spec": spec}))];
        objects.extend(tenants.iter().map(|(tenant, tier)| manifests::tenant(name, tenant, (name, name), tier)));
        cluster.apply(&objects)?;
        Ok(Own { gateway: gateway(name, name), tenants: tenants.iter().map(|(each, _)| tenant(name, each)).collect() })
    }
}

/// A gateway that belongs to one test.
pub struct Own {
    /// The gateway.
    pub gateway: Object,
    /// Its tenants.
    pub tenants: Vec<Object>,
}

impl Own {
    /// Waits until gateway and tenants are Ready.
    pub fn wait_ready(&self, shared: &Shared) -> Outcome {
        shared.world.cluster.wait_ready(&self.gateway)?;
        self.tenants.iter().try_for_each(|tenant| shared.world.cluster.wait_ready(tenant))
    }

    /// Deletes tenants and gateway and waits until both are gone.
    pub fn remove(&self, shared: &Shared) -> Outcome {
        let cluster = &shared.world.cluster;
        self.tenants.iter().try_for_each(|tenant| cluster.delete(tenant))?;
        self.tenants.iter().try_for_each(|tenant| cluster.wait_gone(tenant))?;
        cluster.delete_and_wait(&self.gateway)
    }
}

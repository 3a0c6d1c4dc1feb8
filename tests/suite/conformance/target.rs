//! The server under test, and what a test needs of either.

use std::sync::Arc;
use std::time::Duration;

use aigw_env::Instance;
use aigw_fakes::kube::FakeKube;
use aigw_operator::{Clock, SystemClock};
use aigw_tests::simulation::process::clock_of;
use aigw_tests::world::{World, world};
use aigw_tests::{Outcome, installation};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, CustomResourceExt as _};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::probe;

/// A server with our definitions, those of the probe, and a namespace of the test's own.
pub struct Target {
    /// Who may do everything.
    pub admin: Client,
    /// The test's namespace.
    pub namespace: String,
    server: Server,
}

#[expect(clippy::large_enum_variant, reason = "one per test")]
enum Server {
    /// Virtual time: what takes a minute takes none.
    Fake {
        fake: FakeKube,
        runtime: Runtime,
    },
    Real(Arc<World>),
    /// A control plane apart, with no other operator.
    Apart {
        world: Arc<World>,
        instance: Mutex<Instance>,
    },
}

/// Field manager of what the tests set up.
const MANAGER: &str = "conformance";

impl Target {
    /// A fake of the test's own.
    pub fn fake(number: &str) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (fake, admin) = runtime.block_on(async {
            let fake = FakeKube::new();
            fake.install(&[aigw_api::AIGateway::crd(), aigw_api::Tenant::crd()]);
            let admin = fake.admin();
            (fake, admin)
        });
        let target = Self { admin, namespace: format!("conformance-{number}"), server: Server::Fake { fake, runtime } };
        target.block(target.set_up())?;
        Ok(target)
    }

    /// The shared kube-apiserver.
    pub fn apiserver(number: &str) -> Outcome<Self> {
        let world = world()?;
        installation::definitions(&world.cluster)?;
        let admin = world.cluster.client().clone();
        let target = Self { admin, namespace: format!("conformance-{number}"), server: Server::Real(world) };
        target.block(target.set_up())?;
        Ok(target)
    }

    /// A kube-apiserver apart.
    pub fn apart(number: &str) -> Outcome<Self> {
        let world = world()?;
        let instance = world.take_spare()?;
        let admin = world.block(instance.client())?;
        let server = Server::Apart { world, instance: Mutex::new(instance) };
        let target = Self { admin, namespace: format!("conformance-{number}"), server };
        target.block(async {
            for definition in aigw_operator::crdgen::definitions() {
                target.put(&serde_json::to_value(definition)?).await?;
            }
            target.set_up().await
        })?;
        Ok(target)
    }

    async fn set_up(&self) -> Outcome {
        self.put(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": {"conformance": "true", "ai-gateway": "enabled"}},
        }))
        .await?;
        self.put(&probe::definition()).await?;
        let probes = probe::api(self.admin.clone(), &self.namespace);
        self.eventually("the probe's definition is served", async || {
            probes.list(&kube::api::ListParams::default()).await.map(drop).map_err(|error| error.to_string())
        })
        .await
    }

    /// Deletes the namespace of a shared server, without waiting for it.
    pub fn clean_up(&self) -> Outcome {
        let namespaces = self.api("Namespace");
        self.block(async { namespaces.delete(&self.namespace, &DeleteParams::background()).await })?;
        Ok(())
    }

    /// What is left of the server for the next test: nothing of a fake.
    pub fn give_back(self) {
        if let Server::Apart { world, instance } = self.server {
            world.give_back(instance.into_inner());
        }
    }

    /// Waits for a future in the server's time.
    pub fn block<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.server {
            Server::Fake { runtime, .. } => runtime.block_on(future),
            Server::Real(world) | Server::Apart { world, .. } => world.block(future),
        }
    }

    /// Probes until the probe succeeds, for ten seconds.
    pub async fn eventually(&self, what: &str, probe: impl AsyncFn() -> Result<(), String>) -> Outcome {
        const PROBES: u32 = 100;
        const PAUSE: Duration = Duration::from_millis(100);
        let mut last = String::new();
        for _ in 0..PROBES {
            match probe().await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(format!("{what}: {last}").into())
    }

    /// Applies an object as an admin.
    pub async fn put(&self, object: &Value) -> Outcome<DynamicObject> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&self.namespace);
        let api = probe::any(self.admin.clone(), kind, namespace)?;
        Ok(api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await?)
    }

    /// The admin's API of a kind in the test's namespace, or of a kind that has none.
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        probe::any(self.admin.clone(), kind, &self.namespace).expect("a kind the tests know")
    }

    /// A client of another user, with that user's rights.
    pub async fn user(&self, user: &str) -> Outcome<Client> {
        match &self.server {
            Server::Fake { fake, .. } => Ok(fake.client(user)),
            Server::Real(world) => Ok(world.cluster.instance().impersonate(user).await?),
            Server::Apart { instance, .. } => Ok(instance.lock().await.impersonate(user).await?),
        }
    }

    /// The server's time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match &self.server {
            Server::Fake { fake, .. } => clock_of(fake),
            Server::Real(_) | Server::Apart { .. } => Arc::new(SystemClock),
        }
    }

    /// Whether waiting costs nothing.
    pub fn is_fake(&self) -> bool {
        matches!(self.server, Server::Fake { .. })
    }

    /// Takes the server away for `time`; a real one is killed and started again, which takes longer.
    pub async fn outage(&self, time: Duration) -> Outcome {
        match &self.server {
            Server::Fake { fake, .. } => {
                fake.outage(true);
                tokio::time::sleep(time).await;
                fake.outage(false);
                Ok(())
            }
            Server::Real(_) => Err("others use this server".into()),
            Server::Apart { instance, .. } => Ok(instance.lock().await.restart_apiserver(time).await?),
        }
    }

    /// `kubectl wait` for a condition of an object of the test's namespace, where there is a server kubectl can reach.
    pub async fn kubectl_wait(&self, kind: &str, name: &str, condition: &str) -> Outcome {
        let Server::Apart { instance, .. } = &self.server else { return Ok(()) };
        let wanted = format!("--for=condition={condition}");
        let arguments = ["wait", &wanted, "--timeout=60s", "-n", &self.namespace, &format!("{kind}/{name}")];
        instance.lock().await.kubectl(&arguments).await?;
        Ok(())
    }

    /// Makes the server forget the past, where it can be told to. The real one forgets what was before its caches began.
    pub fn forget(&self) {
        if let Server::Fake { fake, .. } = &self.server {
            fake.compact();
        }
    }
}

//! The server under test, and what a test needs of either.

use std::sync::Arc;

use aigw_fakes::kube::FakeKube;
use aigw_tests::world::{World, world};
use aigw_tests::{Outcome, installation};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, CustomResourceExt as _};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::probe;

/// A server with our definitions, those of the probe, and a namespace of the test's own.
pub struct Target {
    /// Who may do everything.
    pub admin: Client,
    /// The test's namespace.
    pub namespace: String,
    server: Server,
}

enum Server {
    /// Virtual time: what takes a minute takes none.
    Fake {
        fake: FakeKube,
        runtime: Runtime,
    },
    Real(Arc<World>),
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

    async fn set_up(&self) -> Outcome {
        self.put(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": {"conformance": "true"}},
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

    /// Waits for a future in the server's time.
    pub fn block<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.server {
            Server::Fake { runtime, .. } => runtime.block_on(future),
            Server::Real(world) => world.block(future),
        }
    }

    /// Probes until the probe succeeds, for ten seconds.
    pub async fn eventually(&self, what: &str, probe: impl AsyncFn() -> Result<(), String>) -> Outcome {
        const PROBES: u32 = 100;
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
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
        }
    }

    /// Makes the server forget the past, where it can be told to. The real one forgets what was before its caches began.
    pub fn forget(&self) {
        if let Server::Fake { fake, .. } = &self.server {
            fake.compact();
        }
    }
}

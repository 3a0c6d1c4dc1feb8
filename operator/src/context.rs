//! What every reconcile is given. Time and randomness are values here, so that tests decide both.

use std::collections::BTreeMap;
use std::sync::Arc;

use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Clouds, Documents, FunctionCodes, Prober};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use rand::{Rng, RngCore};

use crate::args::Settings;
use crate::harness::triggers::{gateway_of, refers_to};
use crate::harness::watch::{Key, reference};
use crate::harness::{Backoff, EventRecorder, StatusWriter};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::operate::Parts;

/// Wall time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Randomness.
pub trait Random: Send + Sync {
    /// Fills `bytes` from a cryptographically secure source: credentials are made of them.
    fn fill(&self, bytes: &mut [u8; 32]);
    /// A number in 0..1, for delays.
    fn jitter(&self) -> f64;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A generator seeded and re-seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8; 32]) {
        rand::rng().fill_bytes(bytes);
    }

    fn jitter(&self) -> f64 {
        rand::rng().random()
    }
}

/// Everything a reconcile needs.
pub struct Context {
    /// The Kubernetes API.
    pub client: Client,
    /// AWS, by Region.
    pub clouds: Arc<dyn Clouds>,
    /// What identity providers publish.
    pub documents: Arc<dyn Documents>,
    /// The gateways, as clients reach them.
    pub prober: Arc<dyn Prober>,
    /// The functions' code.
    pub codes: Arc<FunctionCodes>,
    /// Settings of this process.
    pub settings: Arc<Settings>,
    /// Metrics of this process.
    pub metrics: Arc<Metrics>,
    /// Publishes Events.
    pub events: EventRecorder,
    /// Writes statuses.
    pub statuses: StatusWriter,
    /// Failures in a row by object.
    pub backoff: Arc<Backoff>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What the watches have seen.
    pub stores: Stores,
    /// What is remembered of AWS between passes.
    pub memory: Memory,
}

impl Context {
    /// A context of these parts.
    pub fn new(parts: Parts, stores: Stores) -> Self {
        let Parts { client, clouds, documents, prober, codes, settings, metrics, health: _, clock, random } = parts;
        Self {
            events: EventRecorder::new(client.clone(), settings.pod_name.clone()),
            statuses: StatusWriter::new(client.clone()),
            backoff: metrics.backoff(),
            memory: Memory::new(&codes, &settings),
            client,
            clouds,
            documents,
            prober,
            codes,
            settings,
            metrics,
            clock,
            random,
            stores,
        }
    }

    /// Forgets what is remembered about an object that is gone.
    pub fn forget(&self, controller: &'static str, uid: &str) {
        self.backoff.reset(controller, uid);
        self.statuses.forget(uid);
        self.memory.probes.forget(uid);
    }
}

/// Caches of everything watched, shared by both controllers. They may lag a little; before a create that must not
/// happen twice, read the object itself. Secrets are never watched.
#[derive(Clone)]
pub struct Stores {
    /// Gateways.
    pub gateways: Store<AIGateway>,
    /// Tenants.
    pub tenants: Store<Tenant>,
    /// Namespaces, metadata only: rules select by labels.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
}

impl Stores {
    /// Completes once every store holds what there was at start. No reconcile runs before, since an empty store would
    /// look like absent tenants.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        self.gateways.wait_until_ready().await?;
        self.tenants.wait_until_ready().await?;
        self.namespaces.wait_until_ready().await
    }

    /// A gateway by name.
    pub fn gateway(&self, namespace: &str, name: &str) -> Option<Arc<AIGateway>> {
        self.gateways.get(&reference(name, namespace))
    }

    /// The gateway a tenant refers to.
    pub fn gateway_of(&self, tenant: &Tenant) -> Option<Arc<AIGateway>> {
        let key = gateway_of(tenant);
        self.gateway(key.namespace.as_deref().unwrap_or_default(), &key.name)
    }

    /// Tenants that refer to a gateway, those being deleted included, by namespace and name.
    pub fn tenants_of(&self, namespace: &str, name: &str) -> Vec<Arc<Tenant>> {
        let mut tenants = self.tenants.state_filter(|tenant| refers_to(tenant, namespace, name));
        tenants.sort_by_cached_key(|tenant| Key::of(&**tenant));
        tenants
    }

    /// Labels of a namespace; `None` where it is not known (yet).
    pub fn namespace_labels(&self, name: &str) -> Option<BTreeMap<String, String>> {
        self.namespaces.get(&ObjectRef::new(name)).map(|namespace| namespace.labels().clone())
    }
}

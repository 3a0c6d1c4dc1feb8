//! The process and its controllers: what starts in which order, and what ends it.
//!
//! Start: functions' code → HTTP (alive, not ready) → Kubernetes → [`operate`], where everything waits. HTTP comes before
//! every wait, or the liveness probe would kill a pod that waits for good reason. SIGTERM asks for [`Shutdown`].

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Clouds, CodeError, FunctionCodes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::args::Settings;
use crate::context::{Context, Stores, SystemClock, SystemRandom};
use crate::documents::HttpsDocuments;
use crate::harness::watch::{Activity, Watch};
use crate::harness::{Shutdown, controller, predicates, timing, triggers};
use crate::http::{Health, Server};
use crate::https::Https;
use crate::metrics::Metrics;
use crate::operate::{Parts, operate, unless};
use crate::prober::HttpsProber;

/// Why the process ended other than by request.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The functions' code is not there.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The address of health and metrics cannot be used.
    #[error("--http-address (AIGW_HTTP_ADDRESS): cannot listen on {address}")]
    Listen {
        /// Address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No client can be made.
    #[error(
        "cannot set up the connection to Kubernetes: no usable kubeconfig, and not in a pod with a service account"
    )]
    Client(#[source] Box<kube::Error>),
    /// No signal can be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// Another replica may lead.
    #[error("the lease was lost; ending so that two replicas never act at once")]
    LeaseLost,
    /// A watch ended, which none does by itself.
    #[error("the watches have ended: {0}")]
    WatchEnded(String),
    /// A watch ended before its first list.
    #[error("a watch ended before its first list")]
    NeverReady(#[from] WriterDropped),
    /// The controllers ended without being asked to.
    #[error("the controllers have ended")]
    ControllersEnded,
}

/// Makes ring the process's TLS provider. First of all, before any client.
pub fn install_crypto_provider() {
    // An error means there is one already: then that is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs the operator until it is asked to stop.
///
/// # Errors
/// [`RunError`], after which the process should end with a failure.
pub async fn run(settings: Settings, clouds: Arc<dyn Clouds>, metrics: Arc<Metrics>) -> Result<(), RunError> {
    let settings = Arc::new(settings);
    let codes = Arc::new(load_codes(&settings.functions_dir)?);
    let health = Arc::new(Health::default());
    let shutdown = Shutdown::default();
    let mut background = JoinSet::new();
    background.spawn(on_signal(shutdown.clone())?);
    let server = Server::bind(settings.http_address, health.clone(), metrics.clone())
        .await
        .map_err(|source| RunError::Listen { address: settings.http_address, source })?;
    background.spawn(server.serve());
    let client = Client::try_default().await.map_err(|source| RunError::Client(Box::new(source)))?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let https = Https::with_native_roots();
    let documents = Arc::new(HttpsDocuments::new(https.clone()));
    let prober = Arc::new(HttpsProber::new(https));
    operate(Parts { client, clouds, documents, prober, codes, settings, metrics, health, clock, random }, shutdown)
        .await
}

/// The watches both controllers stand on: one per kind. Secrets are neither watched nor listed.
pub struct Watches {
    gateways: Watch<AIGateway>,
    tenants: Watch<Tenant>,
    namespaces: Watch<PartialObjectMeta<Namespace>>,
}

impl Watches {
    /// Watches over the namespaces that `settings` name, or over all where they name none.
    pub fn new(client: &Client, settings: &Settings) -> Self {
        let watched = settings.watch_namespaces.as_slice();
        let namespaces = if watched.is_empty() {
            Watch::new("namespaces", vec![(Api::all(client.clone()), watcher::Config::default())])
        } else {
            // A Role can allow to get its own namespace, but never to list or watch it.
            let names = watched.iter().map(String::as_str).chain([settings.home()]).collect::<BTreeSet<_>>();
            let names = names.into_iter().map(str::to_owned);
            Watch::polling("namespaces", &Api::all(client.clone()), names, timing::NAMESPACE_POLL)
        };
        Self {
            gateways: Watch::new("aigateways", scopes(client, watched)),
            tenants: Watch::new("tenants", scopes(client, watched)),
            namespaces,
        }
    }

    /// The stores they fill.
    pub fn stores(&self) -> Stores {
        Stores { gateways: self.gateways.store(), tenants: self.tenants.store(), namespaces: self.namespaces.store() }
    }

    /// Signs of life of each.
    pub fn activities(&self) -> Vec<Arc<Activity>> {
        vec![self.gateways.activity(), self.tenants.activity(), self.namespaces.activity()]
    }
}

/// Objects per page of a list at the start of a watch. An object comes with all its managed fields, several times its own
/// size, which go as soon as it is in the store: smaller pages, smaller peak.
const LIST_PAGE: u32 = 100;

fn scopes<K>(client: &Client, namespaces: &[String]) -> Vec<(Api<DeserializeGuard<K>>, watcher::Config)>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    let config = watcher::Config::default().page_size(LIST_PAGE);
    if namespaces.is_empty() {
        return vec![(Api::all(client.clone()), config)];
    }
    namespaces.iter().map(|namespace| (Api::namespaced(client.clone(), namespace), config.clone())).collect()
}

/// Runs both controllers on `watches`, whose stores `context` must hold, until `shutdown` and the end of what is in
/// flight. No lease, no waiting for the definitions: those are [`operate`]'s.
///
/// # Errors
/// [`RunError`] where a watch or a controller ended by itself.
pub async fn controllers(context: Arc<Context>, watches: Watches, shutdown: Shutdown) -> Result<(), RunError> {
    let gateways = crate::gateway::GatewayReconciler::new(context.clone());
    let tenants = crate::tenant::TenantReconciler::new(context.clone());
    drive(context, watches, gateways, tenants, shutdown).await
}

/// [`controllers`] with reconcilers of one's own.
///
/// # Errors
/// As for [`controllers`].
pub async fn drive<G, T>(
    context: Arc<Context>,
    mut watches: Watches,
    gateways: G,
    tenants: T,
    shutdown: Shutdown,
) -> Result<(), RunError>
where
    G: controller::Reconciler<Object = AIGateway>,
    T: controller::Reconciler<Object = Tenant>,
{
    let (stores, settings) = (context.stores.clone(), context.settings.clone());
    // All subscriptions before any watch runs, so that nothing is missed.
    let gateway_inputs = controller::Inputs {
        store: stores.gateways.clone(),
        own: predicates::changed(watches.gateways.subscribe(), predicates::own),
        triggers: vec![triggers::gateways_of_tenants(watches.tenants.subscribe())],
        concurrency: settings.max_concurrent_gateways,
    };
    let tenant_inputs = controller::Inputs {
        store: stores.tenants.clone(),
        own: predicates::changed(watches.tenants.subscribe(), predicates::own),
        triggers: vec![
            triggers::tenants_of_gateways(stores.clone(), watches.gateways.subscribe()),
            triggers::tenants_of_namespaces(stores.clone(), watches.namespaces.subscribe()),
            triggers::tenants_of_tenants(stores.clone(), watches.tenants.subscribe()),
        ],
        concurrency: settings.max_concurrent_tenants,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(watches.gateways.run());
    tasks.spawn(watches.tenants.run());
    tasks.spawn(watches.namespaces.run());
    match unless(&shutdown, stores.ready()).await {
        None => return Ok(()),
        Some(ready) => ready?,
    }
    tracing::info!(gateways = stores.gateways.len(), tenants = stores.tenants.len(), "watching");
    let both = join(
        controller::run(gateways, context.clone(), gateway_inputs, shutdown.clone()),
        controller::run(tenants, context, tenant_inputs, shutdown.clone()),
    );
    let too_long = async {
        shutdown.requested().await;
        tokio::time::sleep(timing::DRAIN).await;
    };
    tokio::select! {
        _ = both => if shutdown.started() { Ok(()) } else { Err(RunError::ControllersEnded) },
        ended = tasks.join_next() => {
            let why = ended.and_then(Result::err).map_or_else(|| "without an error".to_owned(), |panic| panic.to_string());
            Err(RunError::WatchEnded(why))
        }
        () = too_long => {
            tracing::warn!("passes in flight did not end in time and are abandoned");
            Ok(())
        }
    }
}

/// The functions' code below `directory`.
///
/// # Errors
/// [`CodeError`] where it is not complete for any architecture.
pub fn load_codes(directory: &Path) -> Result<FunctionCodes, CodeError> {
    FunctionCodes::load(directory, |zip| STANDARD.encode(Sha256::digest(zip)))
}

/// Asks for shutdown at the first SIGTERM or SIGINT.
fn on_signal(shutdown: Shutdown) -> Result<impl Future<Output = ()> + Send, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        shutdown.start();
    })
}

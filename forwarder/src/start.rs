//! Start-up: environment → parts → invocation loops.
//!
//! Lambda does not throttle the init phase, so TLS configuration and first connections are made there, within a
//! bound: a table or an endpoint that does not answer must not keep the function from saying so to its callers.

#[cfg(feature = "serve")]
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::LocalOptions;

use crate::access_log::AccessLog;
use crate::admission::Admission;
use crate::authorize::Authorization;
use crate::gateway::Gateway;
use crate::http_client::{Client, Destination, TlsError, client_config};
use crate::lambda::{Authorizer, Forwarder};
use crate::memory;
use crate::proxy::{Proxy, Upstream};
use crate::runtime_api::{self, Function, RuntimeApi};
#[cfg(feature = "serve")]
use crate::serve;
use crate::settings::{Settings, SettingsError};
use crate::sign::Signer;
use crate::table::Table;

/// What warming up may take. Well below Lambda's ten seconds for the init phase.
const WARM_UP: Duration = Duration::from_secs(1);
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is not usable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The policy file is not usable.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    PolicyFile(#[from] serve::PolicyFileError),
}

/// Parts both functions are made of.
pub(crate) struct Base {
    client: Arc<Client>,
    signer: Arc<Signer>,
    pub(crate) table: Arc<Table>,
}

impl Base {
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let client = Client::new(client_config(settings.ca_file.as_deref())?);
        let signer = Arc::new(Signer::new(settings.credentials.clone(), settings.region.clone()));
        let table =
            Table::new(Arc::clone(&client), settings.dynamodb.clone(), Arc::clone(&signer), settings.table.clone());
        Ok(Self { client, signer, table: Arc::new(table) })
    }
}

/// Runs the forwarder until the environment ends; with arguments, as a server until it is stopped.
pub fn forwarder() -> ExitCode {
    #[cfg(feature = "serve")]
    match serve::Command::parse(std::env::args_os().skip(1)) {
        Ok(None) => {}
        Ok(Some(serve::Command::Serve(options))) => return run(serve::start(options)),
        Ok(Some(serve::Command::Function(policy_file))) => return run(lambda(without_table(policy_file))),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    run(lambda(async |settings: &Settings| build_forwarder(settings, AccessLog::stdout(&settings.gateway)).await))
}

/// Runs the authorizer until the environment ends.
pub fn authorizer() -> ExitCode {
    run(lambda(async |settings: &Settings| build_authorizer(settings, AccessLog::stdout(&settings.gateway)).await))
}

/// The forwarder, warmed up.
///
/// # Errors
/// [`StartError`] where it cannot work whatever happens later.
pub async fn build_forwarder(settings: &Settings, log: AccessLog) -> Result<Forwarder, StartError> {
    let base = Base::new(settings)?;
    Ok(forwarder_of(settings, base, log).await)
}

async fn forwarder_of(settings: &Settings, base: Base, log: AccessLog) -> Forwarder {
    let (gateway, proxy) = proxy(settings, base).await;
    Forwarder::new(gateway, proxy, log)
}

/// What builds the forwarder with a policy file in place of the table.
#[cfg(feature = "serve")]
fn without_table(file: PathBuf) -> impl AsyncFnOnce(&Settings) -> Result<Forwarder, StartError> {
    async move |settings: &Settings| {
        let table = serve::PolicyFile::read(&file)?.into_table()?;
        let base = Base { table: Arc::new(table), ..Base::new(settings)? };
        Ok(forwarder_of(settings, base, AccessLog::stdout(&settings.gateway)).await)
    }
}

pub(crate) async fn proxy(settings: &Settings, base: Base) -> (Arc<Gateway>, Proxy) {
    let Base { client, signer, table } = base;
    let gateway = Arc::new(Gateway::new(Arc::clone(&table)));
    let upstream = Upstream::new(client, signer, &settings.region, &settings.bedrock_overrides);
    // Best effort: what fails here fails again, and is then answered, with the first call. The configuration comes
    // first because it says which host is connected to.
    let warm = async {
        if let Ok(config) = gateway.config(|_| true).await {
            let _ = upstream.warm(config.fips).await;
        }
    };
    let _ = tokio::time::timeout(WARM_UP, warm).await;
    (Arc::clone(&gateway), Proxy::new(gateway, Admission::new(table), upstream))
}

/// The authorizer, warmed up.
///
/// # Errors
/// [`StartError`] where it cannot work whatever happens later.
pub async fn build_authorizer(settings: &Settings, log: AccessLog) -> Result<Authorizer, StartError> {
    let Base { table, .. } = Base::new(settings)?;
    let _ = tokio::time::timeout(WARM_UP, table.warm()).await;
    Ok(Authorizer::new(Authorization::new(table), log))
}

fn run(program: impl Future<Output = Result<(), String>>) -> ExitCode {
    memory::keep_large_buffers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let result = match runtime {
        Ok(runtime) => runtime.block_on(program),
        Err(error) => Err(format!("the async runtime cannot start: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn lambda<F: Function + 'static>(
    build: impl AsyncFnOnce(&Settings) -> Result<F, StartError>,
) -> Result<(), String> {
    let endpoint = variable(RUNTIME_API)
        .ok_or("without arguments this program runs as an AWS Lambda function only; see `serve` for a server")?;
    let endpoint = Destination::plain(&endpoint).map_err(|error| format!("{RUNTIME_API}: {error}"))?;
    let client = Client::new(client_config(None).map_err(|error| crate::describe(&error))?);
    let api = RuntimeApi::new(client, endpoint);

    let started: Result<_, StartError> = async {
        let settings = Settings::read(variable)?;
        Ok((build(&settings).await?, settings.concurrency))
    }
    .await;
    match started {
        Ok((function, concurrency)) => {
            runtime_api::serve(api, function, concurrency).await.map_err(|error| crate::describe(&error))
        }
        Err(error) => {
            let message = crate::describe(&error);
            let _ = api.init_error("Gateway.Start", &message).await;
            Err(message)
        }
    }
}

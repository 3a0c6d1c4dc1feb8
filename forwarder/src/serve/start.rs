//! Start-up of the server: options and environment → parts → listener.

use std::sync::Arc;

use aigw_contract::environment;
use tokio::net::TcpListener;

use super::{Options, PolicyFile, Server};
use crate::access_log::AccessLog;
use crate::authorize::Authorization;
use crate::settings::Settings;
use crate::start::{Base, StartError, proxy, variable};

/// The forwarder as a server, warmed up. Its tenants are those of the policy file, if there is one.
///
/// # Errors
/// [`StartError`] where it cannot work whatever happens later.
pub async fn build_server(
    settings: &Settings,
    policy_file: Option<PolicyFile>,
    log: AccessLog,
) -> Result<Server, StartError> {
    let mut base = Base::new(settings)?;
    if let Some(file) = policy_file {
        base.table = Arc::new(file.into_table()?);
    }
    let authorization = Authorization::new(Arc::clone(&base.table));
    let (_, proxy) = proxy(settings, base).await;
    Ok(Server::new(proxy, authorization, log))
}

/// Serves until the process is stopped.
pub(crate) async fn start(options: Options) -> Result<(), String> {
    let Options { listen, policy_file } = options;
    let server: Result<_, StartError> = async {
        let policy_file = policy_file.as_deref().map(PolicyFile::read).transpose()?;
        // With a file there is no table to name.
        let table = policy_file.as_ref().map(|_| "none");
        let settings = Settings::read(|name| {
            variable(name).or_else(|| table.filter(|_| name == environment::TABLE_NAME).map(str::to_owned))
        })?;
        build_server(&settings, policy_file, AccessLog::stdout(&settings.gateway)).await
    }
    .await;
    let server = server.map_err(|error| crate::describe(&error))?;
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    if let Ok(address) = listener.local_addr() {
        eprintln!("serving on http://{address}");
    }
    server.run(listener).await;
    Ok(())
}

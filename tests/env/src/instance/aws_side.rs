//! The AWS side of an instance: the emulator's process, and the proxy, Bedrock stub and TLS front of this process.

use std::collections::BTreeMap;
use std::path::Path;

use http::uri::Authority;
use tokio::net::TcpListener;

use super::Options;
use crate::control_plane::random_token;
use crate::emulator::{Credentials, Emulator, Python};
use crate::error::{Error, Result};
use crate::front::Ca;
use crate::{aws_proxy, bedrock, front};

/// The file in the instance's folder the proxy logs AWS calls to.
const CALLS_LOG: &str = "aws-calls.jsonl";
/// Makes the forwarder send every family here, while it signs for the real host.
const BEDROCK_OVERRIDE: &str = "AIGW_BEDROCK_ENDPOINT_OVERRIDE";

/// A running AWS side.
#[derive(Debug)]
pub struct AwsSide {
    front: front::Handle,
    proxy: aws_proxy::Handle,
    emulator: Emulator,
    bedrock: bedrock::Handle,
    ca: Ca,
    function_credentials: Credentials,
}

impl AwsSide {
    /// Starts it with its files in `dir`.
    pub(super) async fn start(python: &Python, options: &Options, dir: &Path, logs: &Path) -> Result<Self> {
        let function_credentials = Credentials {
            access_key_id: options.account.clone(),
            secret_access_key: random_token(),
            session_token: random_token(),
        };
        let bedrock = stub(options, &function_credentials).await?;
        let mut function_env = BTreeMap::from([(BEDROCK_OVERRIDE.to_owned(), bedrock.url())]);
        function_env.extend(options.function_env.clone());
        let state = dir.join("emulator");
        let emulator = Emulator::start(python, &state, logs, &function_credentials, &function_env).await?;
        let upstream: Authority = emulator
            .authority()
            .parse()
            .map_err(|error| Error::Server { what: "the AWS proxy", source: std::io::Error::other(error) })?;
        let proxy = aws_proxy::Config { upstream: upstream.clone(), log: Some(logs.join(CALLS_LOG)) };
        let proxy = aws_proxy::spawn(listener("the AWS proxy").await?, proxy).map_err(failed("the AWS proxy"))?;
        let ca = Ca::generate(dir)?;
        let mut config = front::Config::new(upstream);
        config.http1_only = options.front_http1_only;
        config.names.clone_from(&options.front_names);
        let front = front::spawn(listener("the TLS front").await?, &ca, config)?;
        Ok(Self { front, proxy, emulator, bedrock, ca, function_credentials })
    }

    pub(super) async fn stop(self) {
        self.front.stop().await;
        self.proxy.stop().await;
        self.emulator.stop().await;
        self.bedrock.stop().await;
    }

    /// The TLS front: the gateways' host.
    pub fn front(&self) -> &front::Handle {
        &self.front
    }

    /// The proxy before the emulator: logged calls and scripted faults.
    pub fn proxy(&self) -> &aws_proxy::Handle {
        &self.proxy
    }

    /// The emulator.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The Bedrock stub: recorded requests and scripted faults.
    pub fn bedrock(&self) -> &bedrock::Handle {
        &self.bedrock
    }

    /// The authority behind the front's certificate.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The credentials functions run with; the Bedrock stub knows them.
    pub fn function_credentials(&self) -> &Credentials {
        &self.function_credentials
    }
}

async fn stub(options: &Options, credentials: &Credentials) -> Result<bedrock::Handle> {
    let mut config = bedrock::Config::new(&options.region).with_credential(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        Some(&credentials.session_token),
    );
    if let Some(interval) = options.chunk_interval {
        config.chunk_interval = interval;
    }
    bedrock::spawn(listener("the Bedrock stub").await?, config).map_err(failed("the Bedrock stub"))
}

async fn listener(what: &'static str) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed(what))
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Server { what, source }
}

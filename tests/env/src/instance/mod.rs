//! An instance of the local environment: the Kubernetes side and the AWS side on free loopback ports, with all files in
//! one folder.
//!
//! Several live side by side. Dropping one, or [`Instance::down`], ends its processes and servers and removes its
//! folder. The servers are tasks of the runtime that called [`Instance::up`], which therefore has to outlive it.

mod aws_side;
mod commands;
mod folder;
mod variables;

#[cfg(test)]
mod tests;

pub use aws_side::AwsSide;
pub use folder::{Folder, end_leftovers};
pub use variables::{UNSET, env_file};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::control_plane::ControlPlane;
use crate::emulator::Python;
use crate::error::{Error, Result};
use crate::kubelet::{self, Image, KubeletHandle, Scope};
use crate::ports::Port;
use crate::process::Process;
use crate::signals;
use crate::tools::Tools;

/// What to bring up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; `None` makes a temporary one.
    pub dir: Option<PathBuf>,
    /// Keep the temporary folder, for a look at its logs. Default: whether `AIGW_KEEP_DIR` is set.
    pub keep_dir: bool,
    /// The Kubernetes side: etcd, kube-apiserver, controllers.
    pub kube: bool,
    /// The AWS side: emulator, AWS proxy, Bedrock stub, TLS front.
    pub aws: bool,
    /// The front offers HTTP/1.1 only, as private APIs do.
    pub front_http1_only: bool,
    /// DNS names the front's certificate is valid for besides the local ones.
    pub front_names: Vec<String>,
    /// The AWS region.
    pub region: String,
    /// The AWS account, 12 digits.
    pub account: String,
    /// Pause between two chunks of a streamed Bedrock answer; `None` is the stub's default.
    pub chunk_interval: Option<Duration>,
    /// More environment variables of functions.
    pub function_env: BTreeMap<String, String>,
    /// Clean up and exit at SIGINT, SIGTERM and SIGHUP. Programs that handle signals themselves switch it off.
    pub handle_signals: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: None,
            keep_dir: std::env::var_os("AIGW_KEEP_DIR").is_some_and(|value| !value.is_empty()),
            kube: true,
            aws: true,
            front_http1_only: false,
            front_names: Vec::new(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            chunk_interval: None,
            function_env: BTreeMap::new(),
            handle_signals: true,
        }
    }
}

/// A running local environment.
#[derive(Debug)]
pub struct Instance {
    // Dropped in this order: processes first, the folder last.
    kube: Option<ControlPlane>,
    aws: Option<AwsSide>,
    ports: Mutex<Vec<Port>>,
    options: Options,
    folder: Folder,
}

impl Instance {
    /// Brings an instance up; returns when everything answers. What is not built yet is built first.
    pub async fn up(options: Options) -> Result<Self> {
        if options.handle_signals {
            signals::install();
        }
        let folder = Folder::claim(options.dir.as_deref(), options.keep_dir)?;
        let (tools, python) = prepare(options.kube, options.aws).await?;
        let logs = folder.logs();
        let kube = async {
            let Some(tools) = tools else { return Ok(None) };
            ControlPlane::start(tools, &folder.path().join("kube"), &logs).await.map(Some)
        };
        let aws = async {
            let Some(python) = python else { return Ok(None) };
            AwsSide::start(&python, &options, folder.path(), &logs).await.map(Some)
        };
        let (kube, aws) = tokio::try_join!(kube, aws)?;
        let instance = Self { kube, aws, ports: Mutex::default(), options, folder };
        instance.folder.record(&instance.processes())?;
        Ok(instance)
    }

    /// Takes the instance down and leaves nothing of it.
    pub async fn down(self) -> Result<()> {
        let Self { kube, aws, folder, .. } = self;
        let kube = async {
            if let Some(kube) = kube {
                kube.stop().await;
            }
        };
        let aws = async {
            if let Some(aws) = aws {
                aws.stop().await;
            }
        };
        tokio::join!(kube, aws);
        folder.remove()
    }

    /// An error when one of its processes has ended.
    pub fn check(&self) -> Result<()> {
        self.processes().into_iter().try_for_each(Process::check)
    }

    fn processes(&self) -> Vec<&Process> {
        let kube = self.kube.iter().flat_map(ControlPlane::processes);
        kube.chain(self.aws.iter().map(|aws| aws.emulator().process())).collect()
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with its logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.logs()
    }

    /// The Kubernetes side.
    pub fn kube(&self) -> Result<&ControlPlane> {
        self.kube.as_ref().ok_or(Error::NotThere("kube"))
    }

    /// [`ControlPlane::restart_apiserver`] of the Kubernetes side.
    pub async fn restart_apiserver(&mut self, outage: Duration) -> Result<()> {
        self.kube.as_mut().ok_or(Error::NotThere("kube"))?.restart_apiserver(outage).await?;
        self.folder.record(&self.processes())
    }

    /// The AWS side: emulator, proxy, Bedrock stub, front and their state.
    pub fn aws(&self) -> Result<&AwsSide> {
        self.aws.as_ref().ok_or(Error::NotThere("aws"))
    }

    /// A cluster admin's kubeconfig.
    pub fn kubeconfig(&self) -> Result<&Path> {
        Ok(self.kube()?.kubeconfig())
    }

    /// The kubeconfig of `alice` (group `developers`), who has no rights.
    pub fn user_kubeconfig(&self) -> Result<&Path> {
        Ok(self.kube()?.user_kubeconfig())
    }

    /// A Kubernetes client of a cluster admin.
    pub async fn client(&self) -> Result<kube::Client> {
        crate::control_plane::connect(self.kubeconfig()?).await
    }

    /// A client of another user, on whose behalf the admin acts.
    pub async fn impersonate(&self, user: &str) -> Result<kube::Client> {
        crate::control_plane::connect_as(self.kube()?.kubeconfig(), user).await
    }

    /// `AWS_ENDPOINT_URL` of the operator and of tools: the fault-injecting, logging proxy before the emulator.
    pub fn aws_endpoint(&self) -> Result<String> {
        Ok(self.aws()?.proxy().url())
    }

    /// The emulator itself: `AWS_ENDPOINT_URL` of functions.
    pub fn emulator_endpoint(&self) -> Result<String> {
        Ok(self.aws()?.emulator().url())
    }

    /// The base of the gateways' URLs; `/{api}/{stage}` follows.
    pub fn gateway_url(&self) -> Result<String> {
        Ok(self.aws()?.front().url())
    }

    /// The file with the certificate clients of the front have to trust.
    pub fn ca_pem(&self) -> Result<&Path> {
        Ok(self.aws()?.ca().path())
    }

    /// The Bedrock stub's URL; its control endpoints are under `/_stub/`.
    pub fn bedrock_url(&self) -> Result<String> {
        Ok(self.aws()?.bedrock().url())
    }

    /// A free port of loopback, reserved as long as the instance lives.
    pub fn free_port(&self) -> Result<u16> {
        let port = Port::reserve()?;
        let number = port.number();
        self.ports.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(port);
        Ok(number)
    }

    /// Starts running the pods of `scope` with `image` as processes (see [`kubelet`]).
    pub async fn kubelet(&self, scope: Scope, image: Image) -> Result<KubeletHandle> {
        kubelet::start(kubelet::Config {
            kubeconfig: self.kubeconfig()?.to_owned(),
            scope,
            image,
            dir: self.dir().join("pods"),
            logs: self.logs(),
        })
        .await
    }

    /// Environment variables with which kubectl, helm, the AWS SDKs and curl reach this instance.
    pub fn env(&self) -> BTreeMap<String, String> {
        variables::variables(self)
    }
}

/// Builds or finds what has to be there before a start.
pub async fn prepare(kube: bool, aws: bool) -> Result<(Option<Tools>, Option<Python>)> {
    let tools = if kube { Some(Tools::ensure().await?) } else { None };
    let python = if aws { Some(Python::ensure().await?) } else { None };
    Ok((tools, python))
}

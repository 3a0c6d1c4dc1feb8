//! A real Kubernetes control plane on loopback: etcd, kube-apiserver and the controllers, with a fake node that makes
//! every pod Ready, except the operator's, which a [`kubelet`](crate::kubelet) runs.
//!
//! RBAC is on. Two users exist: a cluster admin, and `alice` of the group `developers` with no rights at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rand::Rng as _;
use serde_json::json;

use crate::error::{Error, Result};
use crate::ports::Port;
use crate::process::{Process, Spec};
use crate::tools::Tools;
use crate::wait;

/// The label selector of pods the fake node leaves alone.
pub const OPERATOR_PODS: &str = "app.kubernetes.io/name=aigw-operator";

/// From spawn to `/readyz`: 4 s alone, a multiple of that beside a compiler.
const APISERVER_LIMIT: Duration = Duration::from_secs(90);
/// The controllers need a second.
const CONTROLLERS_LIMIT: Duration = Duration::from_mins(1);
const APISERVER: &str = "kube-apiserver";

/// A running control plane; dropping it kills it.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they are to be killed.
    controllers: Process,
    apiserver: Process,
    apiserver_spec: Spec,
    etcd: Process,
    tools: Tools,
    url: String,
    kubeconfig: PathBuf,
    user_kubeconfig: PathBuf,
    _ports: [Port; 3],
}

impl ControlPlane {
    /// Starts one with its files in `dir` and its logs in `logs`.
    pub async fn start(tools: Tools, dir: &Path, logs: &Path) -> Result<Self> {
        let ports = [Port::reserve()?, Port::reserve()?, Port::reserve()?];
        let [client_port, peer_port, api_port] = ports.each_ref().map(Port::number);
        let url = format!("https://127.0.0.1:{api_port}");
        fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        service_account_key(&tools, &dir.join("sa.key"))?;
        let (kubeconfig, user_kubeconfig) = credentials(dir, &url)?;
        let etcd = etcd(&tools, client_port, peer_port, dir, logs).spawn()?;
        let apiserver_spec = apiserver(&tools, client_port, api_port, dir, logs);
        let apiserver = apiserver_spec.spawn()?;
        let ready = wait::until_ready(&apiserver, APISERVER_LIMIT, || readyz(kubeconfig.clone()));
        let client = ready.await.map_err(|error| etcd.check().err().unwrap_or(error))?;
        let controllers = controllers(&tools, &kubeconfig, dir, logs).spawn()?;
        publish_issuer(client.clone()).await?;
        wait::until_ready(&controllers, CONTROLLERS_LIMIT, || default_account(client.clone())).await?;
        Ok(Self {
            controllers,
            apiserver,
            apiserver_spec,
            etcd,
            tools,
            url,
            kubeconfig,
            user_kubeconfig,
            _ports: ports,
        })
    }

    /// A cluster admin's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of `alice` (group `developers`), who has no rights.
    pub fn user_kubeconfig(&self) -> &Path {
        &self.user_kubeconfig
    }

    /// The API server's URL; also the issuer of its ServiceAccount tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its certificate and the authority that signed it. Made by the API server at its start.
    pub fn certificates(&self) -> PathBuf {
        self.kubeconfig.with_file_name("certs").join("apiserver.crt")
    }

    /// The tools it runs with.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The API server; stopping it with [`Signal::Stop`](crate::process::Signal::Stop) is a clean outage.
    pub fn apiserver(&self) -> &Process {
        &self.apiserver
    }

    /// Kills the API server, waits for `outage`, and starts it again as it was: port, certificate, users and objects are
    /// the same. Returns when it is ready.
    pub async fn restart_apiserver(&mut self, outage: Duration) -> Result<()> {
        self.apiserver.kill().await;
        tokio::time::sleep(outage).await;
        self.apiserver = self.apiserver_spec.clone().append().spawn()?;
        wait::until_ready(&self.apiserver, APISERVER_LIMIT, || readyz(self.kubeconfig.clone())).await.map(drop)
    }

    /// All its processes.
    pub fn processes(&self) -> [&Process; 3] {
        [&self.controllers, &self.apiserver, &self.etcd]
    }

    /// Ends it.
    pub async fn stop(self) {
        // SIGKILL: the API server takes a minute to obey SIGTERM while a watch is open, and nothing is kept.
        for process in self.processes() {
            process.kill().await;
        }
    }
}

/// A client for a kubeconfig file.
pub async fn connect(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// A client for a kubeconfig file, acting on behalf of `user`.
pub async fn connect_as(kubeconfig: &Path, user: &str) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(user.to_owned());
    Ok(Client::try_from(config)?)
}

/// A client, once the API server is ready. Made anew each time: its certificate is its own and appears late.
async fn readyz(kubeconfig: PathBuf) -> Result<Client, String> {
    let client = connect(&kubeconfig).await.map_err(|error| error.to_string())?;
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map_err(|error| error.to_string())?;
    Ok(client)
}

/// The controllers work once one of them has made this account.
async fn default_account(client: Client) -> Result<(), String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "default");
    accounts.get("default").await.map(|_| ()).map_err(|error| error.to_string())
}

/// RS256 tokens, as on EKS. Made by our Go program, so that no RSA code is needed here.
fn service_account_key(tools: &Tools, path: &Path) -> Result<()> {
    let command = Command::new(&tools.kube_controllers).arg("gen-sa-key").output();
    let output = command.map_err(|source| Error::Spawn { name: "kube-controllers gen-sa-key".to_owned(), source })?;
    if !output.status.success() {
        return Err(Error::Command {
            command: "kube-controllers gen-sa-key".to_owned(),
            status: output.status.to_string(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    fs::write(path, output.stdout).map_err(Error::file("write", path))
}

/// The API server's users and a kubeconfig for each: admin, alice.
fn credentials(dir: &Path, url: &str) -> Result<(PathBuf, PathBuf)> {
    let ca = dir.join("certs/apiserver.crt");
    let [admin, alice] = [random_token(), random_token()];
    let users = format!("{admin},admin,admin,\"system:masters\"\n{alice},alice,alice,\"developers\"\n");
    let path = dir.join("tokens.csv");
    fs::write(&path, users).map_err(Error::file("write", &path))?;
    let write = |name: &str, user: &str, token: &str| {
        let path = dir.join(name);
        let config = kubeconfig(url, &ca, "default", user, &json!({ "token": token }));
        fs::write(&path, config).map_err(Error::file("write", &path)).map(|()| path)
    };
    Ok((write("kubeconfig", "admin", &admin)?, write("kubeconfig-alice", "alice", &alice)?))
}

/// The text of a kubeconfig with one user; `credential` is its `user` object.
pub fn kubeconfig(server: &str, ca: &Path, namespace: &str, user: &str, credential: &serde_json::Value) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority": ca}}],
        "users": [{"name": user, "user": credential}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user, "namespace": namespace}}],
    });
    format!("{config:#}\n")
}

/// 128 random bits in hex.
pub fn random_token() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

fn etcd(tools: &Tools, client: u16, peer: u16, dir: &Path, logs: &Path) -> Spec {
    let [client, peer] = [client, peer].map(|port| format!("http://127.0.0.1:{port}"));
    Spec::new("etcd", &tools.etcd, logs.join("etcd.log"))
        .env("HOME", dir)
        .arg("--data-dir")
        .arg(dir.join("etcd"))
        // A power cut may lose data, a killed process does not.
        .args(["--unsafe-no-fsync", "--log-level", "warn"])
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
}

fn apiserver(tools: &Tools, etcd: u16, port: u16, dir: &Path, logs: &Path) -> Spec {
    let key = dir.join("sa.key");
    let path_flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    Spec::new(APISERVER, &tools.kube_apiserver, logs.join("kube-apiserver.log"))
        .env("HOME", dir)
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={port}"))
        .arg(path_flag("cert-dir", &dir.join("certs")))
        .args(["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24"])
        .arg("--authorization-mode=RBAC")
        .arg(path_flag("token-auth-file", &dir.join("tokens.csv")))
        .arg("--allow-privileged")
        // Part of every token. The certificate has no name `localhost`.
        .arg(format!("--service-account-issuer=https://127.0.0.1:{port}"))
        .arg(path_flag("service-account-signing-key-file", &key))
        .arg(path_flag("service-account-key-file", &key))
        .arg("--service-account-max-token-expiration=24h")
        .arg("--service-account-extend-token-expiration=false")
        .arg("--profiling=false")
}

fn controllers(tools: &Tools, kubeconfig: &Path, dir: &Path, logs: &Path) -> Spec {
    Spec::new("kube-controllers", &tools.kube_controllers, logs.join("kube-controllers.log"))
        .env("HOME", dir)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("--root-ca-file")
        .arg(dir.join("certs/apiserver.crt"))
        .arg("--fake-node=true")
        .args(["--fake-node-ignore", OPERATOR_PODS])
}

/// Anyone may read the issuer's discovery document and keys, as on a cluster whose issuer is public.
async fn publish_issuer(client: Client) -> Result<()> {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "public-issuer"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:service-account-issuer-discovery",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
    }))
    .map_err(kube::Error::SerdeError)?;
    let bindings: Api<ClusterRoleBinding> = Api::all(client);
    bindings.create(&PostParams::default(), &binding).await?;
    Ok(())
}

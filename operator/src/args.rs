//! Arguments: what the command line and the environment say ([`Args`]), turned into what the process works with
//! ([`Settings`]) or into one error that names the flag and the fix.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

mod parse;
mod plan;
mod plugin;
#[cfg(test)]
mod tests;

pub use parse::{EndpointUrlTemplate, duration};
pub use plan::PlanArgs;
pub use plugin::{DoctorArgs, ExplainArgs, Named, PluginCommand, Which};

/// AI Gateway Operator for Amazon Bedrock.
#[derive(Debug, Clone, Parser)]
#[command(name = "aigw-operator", version, about, max_term_width = 120)]
pub struct Args {
    /// What to do; without a command: run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `run`.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the controllers (the default).
    Run,
    /// Print what the operator would change in AWS for manifests, without changing anything.
    #[command(long_about = plan::ABOUT)]
    Plan(PlanArgs),
    /// Ask the health of a running operator until it is good; what `helm test` does.
    Health {
        /// URL of /readyz or /livez.
        #[arg(long)]
        url: String,
        /// How long to ask.
        #[arg(long, default_value = "60s")]
        patience: String,
    },
    /// Print the custom resource definitions as YAML.
    Crd {
        /// Only this kind: AIGateway or Tenant.
        #[arg(long)]
        kind: Option<String>,
    },
    /// What `kubectl aigw` offers beside `plan`.
    #[command(flatten)]
    Plugin(PluginCommand),
}

/// Settings as given.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Name of this installation: part of the identity of everything in AWS, so it must stay the same for as long as the
    /// gateways live, also in a new cluster.
    #[arg(long, env = "AIGW_INSTALLATION", global = true)]
    pub installation: Option<String>,
    /// Directory with {arm64,x86_64}/{forwarder,authorizer}.zip.
    #[arg(long, env = "AIGW_FUNCTIONS_DIR", default_value = "/functions", global = true)]
    pub functions_dir: PathBuf,
    /// Namespace the operator runs in, where its lease is; of the commands for people, the tenant's.
    #[arg(short = 'n', long, env = "POD_NAMESPACE", global = true)]
    pub namespace: Option<String>,
    /// Name of this pod; who holds the lease and reports Events.
    #[arg(long, env = "POD_NAME", global = true)]
    pub pod_name: Option<String>,
    /// Namespaces to act in, separated by commas. Empty: all. With a list the operator needs Roles only, no ClusterRole.
    #[arg(long, env = "AIGW_WATCH_NAMESPACES", value_delimiter = ',', global = true)]
    pub watch_namespaces: Vec<String>,
    /// Longest time between looks at an object that is fine.
    #[arg(long, env = "AIGW_DRIFT_INTERVAL", default_value = "10m", global = true)]
    pub drift_interval: String,
    /// Address of health and metrics.
    #[arg(long, env = "AIGW_HTTP_ADDRESS", default_value = "0.0.0.0:8080", global = true)]
    pub http_address: String,
    /// trace, debug, info, warn or error, or directives such as info,aigw_operator=debug.
    #[arg(long, env = "AIGW_LOG_LEVEL", default_value = "info", global = true)]
    pub log_level: String,
    /// Form of log lines.
    #[arg(long, env = "AIGW_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json, global = true)]
    pub log_format: LogFormat,
    /// Hold a lease while running, so that a second replica waits.
    #[arg(long, env = "AIGW_LEADER_ELECT", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", global = true)]
    pub leader_elect: bool,
    /// Name of the lease.
    #[arg(long, env = "AIGW_LEASE_NAME", default_value = "aigw-operator", global = true)]
    pub lease_name: String,
    /// URL of a gateway where it is not AWS's own name, with {restApiId}, {stage} and {region}.
    #[arg(long, env = "AIGW_ENDPOINT_URL_TEMPLATE", global = true)]
    pub endpoint_url_template: Option<String>,
    /// Permissions boundary on every role the operator makes.
    #[arg(long, env = "AIGW_PERMISSIONS_BOUNDARY_ARN", global = true)]
    pub permissions_boundary_arn: Option<String>,
    /// Part of the account's API Gateway control-plane rates to use, for example 0.8. More than 1 only against an
    /// emulator. Default: 0.9.
    #[arg(long, env = "AIGW_CONTROL_PLANE_SHARE", global = true)]
    pub control_plane_share: Option<String>,
    /// What to do about AWS objects of this installation that no object of the cluster owns.
    #[arg(long, env = "AIGW_SWEEP", value_enum, default_value_t = SweepMode::Report, global = true)]
    pub sweep: SweepMode,
    /// Time between looks for such objects.
    #[arg(long, env = "AIGW_SWEEP_INTERVAL", default_value = "1h", global = true)]
    pub sweep_interval: String,
    /// Gateways worked on at a time.
    #[arg(long, env = "AIGW_MAX_CONCURRENT_GATEWAYS", default_value_t = 2, global = true)]
    pub max_concurrent_gateways: u16,
    /// Tenants worked on at a time.
    #[arg(long, env = "AIGW_MAX_CONCURRENT_TENANTS", default_value_t = 4, global = true)]
    pub max_concurrent_tenants: u16,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// What to do about AWS objects that nobody owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SweepMode {
    /// Do not look for them.
    Off,
    /// Metric, Event and log line.
    Report,
    /// The same, and delete what is nobody's beyond doubt. Tables stay.
    Delete,
}

/// What the process works with: every value checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Name of this installation.
    pub installation: String,
    /// Directory of the functions' code.
    pub functions_dir: PathBuf,
    /// Own namespace.
    pub namespace: String,
    /// Own name, where known.
    pub pod_name: Option<String>,
    /// Namespaces to act in; empty means all.
    pub watch_namespaces: Vec<String>,
    /// Longest time between looks at an object that is fine.
    pub drift_interval: Duration,
    /// Address of health and metrics.
    pub http_address: SocketAddr,
    /// The lease to hold, if any.
    pub lease: Option<LeaseSettings>,
    /// URL of a gateway, where it is not AWS's own name.
    pub endpoint_url_template: Option<EndpointUrlTemplate>,
    /// Permissions boundary on every role the operator makes.
    pub permissions_boundary_arn: Option<String>,
    /// Part of the account's API Gateway control-plane rates to use, where not the default.
    pub control_plane_share: Option<f64>,
    /// What to do about AWS objects that nobody owns.
    pub sweep: SweepMode,
    /// Time between looks for them.
    pub sweep_interval: Duration,
    /// Gateways worked on at a time.
    pub max_concurrent_gateways: u16,
    /// Tenants worked on at a time.
    pub max_concurrent_tenants: u16,
}

/// The lease to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Name of the lease.
    pub name: String,
    /// Who holds it: unique among replicas.
    pub holder: String,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {problem}; {fix}")]
pub struct ArgsError {
    /// Flag and environment variable.
    pub flag: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: &'static str,
}

impl Settings {
    /// The settings `args` stand for.
    ///
    /// # Errors
    /// [`ArgsError`] for the first value that cannot be used.
    pub fn from_args(args: RunArgs) -> Result<Self, ArgsError> {
        // Without `..`: a flag that nobody reads should not compile.
        let RunArgs {
            installation,
            functions_dir,
            namespace,
            pod_name,
            watch_namespaces,
            drift_interval,
            http_address,
            log_level: _,
            log_format: _,
            leader_elect,
            lease_name,
            endpoint_url_template,
            permissions_boundary_arn,
            control_plane_share,
            sweep,
            sweep_interval,
            max_concurrent_gateways,
            max_concurrent_tenants,
        } = args;
        let pod_name = pod_name.filter(|name| !name.is_empty());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        let installation = parse::installation(installation)?;
        let lease = parse::lease(leader_elect, lease_name, namespace.as_deref(), pod_name.as_deref())?;
        Ok(Self {
            installation,
            functions_dir,
            namespace: parse::namespace(namespace)?,
            pod_name,
            watch_namespaces: parse::watch_namespaces(&watch_namespaces)?,
            drift_interval: parse::drift_interval(&drift_interval)?,
            http_address: parse::http_address(&http_address)?,
            lease,
            endpoint_url_template: parse::endpoint_url_template(endpoint_url_template)?,
            permissions_boundary_arn: parse::permissions_boundary(permissions_boundary_arn)?,
            control_plane_share: parse::control_plane_share(control_plane_share)?,
            sweep,
            sweep_interval: parse::sweep_interval(&sweep_interval)?,
            max_concurrent_gateways: parse::concurrency(
                "--max-concurrent-gateways (AIGW_MAX_CONCURRENT_GATEWAYS)",
                max_concurrent_gateways,
            )?,
            max_concurrent_tenants: parse::concurrency(
                "--max-concurrent-tenants (AIGW_MAX_CONCURRENT_TENANTS)",
                max_concurrent_tenants,
            )?,
        })
    }

    /// The namespace whose UID tells this cluster from others: kube-system, which every cluster has and nobody re-creates. An
    /// operator of some namespaces has no right to read that one, and takes its own.
    pub fn home(&self) -> &str {
        if self.watch_namespaces.is_empty() { "kube-system" } else { &self.namespace }
    }

    /// Settings of an installation with everything else at its default; for tests.
    pub fn for_installation(installation: &str) -> Self {
        let arguments =
            ["aigw-operator", "--installation", installation, "--leader-elect=false", "--namespace", "aigw-system"];
        let parsed = Args::try_parse_from(arguments).ok().and_then(|args| Self::from_args(args.run).ok());
        parsed.expect("the defaults are valid")
    }
}

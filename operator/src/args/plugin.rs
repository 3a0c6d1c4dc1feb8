//! Arguments of what `kubectl aigw` offers beside `plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// What a person asks of a cluster.
#[derive(Debug, Clone, Subcommand)]
pub enum PluginCommand {
    /// What tenants have spent of their budgets.
    Usage(Which),
    /// The same of all namespaces, who has used most first.
    Top,
    /// Refuse all calls of a tenant: sets spec.suspend.
    Suspend(Named),
    /// Answer its calls again: removes spec.suspend.
    Resume(Named),
    /// Replace its credential once: sets the annotation aigateway.dev/rotate.
    Rotate(Named),
    /// What became of a call, and why, from the forwarder's log lines.
    Explain(ExplainArgs),
    /// Look for what is wrong, without changing anything. Exit code 1 where something is.
    Doctor(DoctorArgs),
    /// Everything a person who helps wants to see, as one JSON document without Secrets.
    SupportBundle,
    /// Print a shell's completion.
    Completion {
        /// The shell.
        shell: Shell,
    },
}

/// Which tenants.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Only this one.
    pub tenant: Option<String>,
    /// Of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "tenant")]
    pub all_namespaces: bool,
}

/// One tenant.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Name of the Tenant.
    pub tenant: String,
}

/// What the doctor asks, and about whom.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Ask the Kubernetes API only: neither AWS nor the resolver.
    #[arg(long)]
    pub offline: bool,
    /// The operator's role, whose rights are simulated. Needs --installation.
    #[arg(long)]
    pub role_arn: Option<String>,
}

/// Which call, and where its line is.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The response's x-amzn-requestid. Without it: every call that was not answered as asked.
    #[arg(long)]
    pub request_id: Option<String>,
    /// File with log lines, or - for standard input, for example of `aws logs tail LOG_GROUP`.
    #[arg(short = 'f', long = "filename", default_value = "-")]
    pub file: PathBuf,
}

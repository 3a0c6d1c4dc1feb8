//! Arguments of `plan`.

use std::path::PathBuf;

use aigw_cloud::FunctionCodes;
use aigw_cloud::quotas::DEFAULT_SHARE;
use aigw_plan::gateway::desired::Build;
use clap::ValueEnum;

use super::{ArgsError, EndpointUrlTemplate, RunArgs, parse};
use crate::plan_command::PlanSettings;

/// What `--help` says beside the flags.
pub(super) const ABOUT: &str = "\
Print what the operator would change in AWS for manifests, without changing anything.

AWS is read with the credentials of the environment, as `run` does; every call that would write is refused inside the
program. A cluster, where one is reachable, is asked for the objects' UIDs and statuses, labels of namespaces and Secrets.
What follows the first round is foreseen by a simulation: ids AWS has yet to give are printed as (new). Rules of the
schema (ranges, patterns, CEL) are the apiserver's: see kubectl apply --dry-run=server.

Exit codes: 0 in sync, or a plan was printed; 1 AWS or the cluster could not be asked, or what is there needs a person;
2 wrong usage, or a manifest is refused; with --detailed-exitcode 3 where there is something to change.";

/// What to plan, as given.
#[derive(Debug, Clone, clap::Args)]
pub struct PlanArgs {
    /// Manifest with AIGateway, Tenant and Namespace objects: a file, a folder, or - for standard input. May be repeated.
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Ask no cluster, even where one is reachable.
    #[arg(long)]
    pub offline: bool,
    /// Form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// End with 3 instead of 0 where there is something to change.
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl PlanSettings {
    /// The settings these arguments stand for; of `run`'s those that a plan depends on. `codes` are the functions' zips,
    /// where there are any.
    ///
    /// # Errors
    /// [`ArgsError`] for the first value that cannot be used.
    pub fn from_args(args: PlanArgs, run: RunArgs, codes: &FunctionCodes) -> Result<Self, ArgsError> {
        let PlanArgs { files, offline: _, output, detailed_exitcode } = args;
        let template = parse::endpoint_url_template(run.endpoint_url_template)?;
        Ok(Self {
            installation: parse::installation(run.installation)?,
            files,
            build: Build {
                code: codes.hashes(),
                permissions_boundary: parse::permissions_boundary(run.permissions_boundary_arn)?,
                endpoint_url_template: template.as_ref().map(EndpointUrlTemplate::as_str).map(str::to_owned),
                domain_port: template.as_ref().and_then(EndpointUrlTemplate::port),
            },
            share: parse::control_plane_share(run.control_plane_share)?.unwrap_or(DEFAULT_SHARE),
            json: output == Output::Json,
            detailed_exit_code: detailed_exitcode,
        })
    }
}

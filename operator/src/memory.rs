//! What is remembered of AWS between passes. Losing it costs a few reads and nothing else: identity lives in tags.

use aigw_cloud::FunctionCodes;
use aigw_plan::gateway::desired::Build;

use crate::args::{EndpointUrlTemplate, Settings};
use crate::gateway::{Attempts, Capacities, Configurations, Creations};
use crate::probe::Probes;
use crate::tenant::{Grants, Inventories, ValidGateways};

/// What is remembered of AWS between passes.
pub struct Memory {
    /// What this build and its settings contribute to every plan.
    pub(crate) build: Build,
    /// What this process made, or may have made.
    pub(crate) creations: Creations,
    /// What room the account has, by Region.
    pub(crate) capacities: Capacities,
    /// When configurations were written.
    pub(crate) configurations: Configurations,
    /// When issuers of tokens were read, and are to be read again.
    pub(crate) issuers: Attempts,
    /// When gateways and tenants were probed, and are to be probed again.
    pub(crate) probes: Probes,
    /// Usage plans and keys of each gateway, shared by its tenants' passes.
    pub(crate) inventories: Inventories,
    /// What tenants of namespaces with ceilings were granted last.
    pub(crate) grants: Grants,
    /// Gateways' specs as validated, for their tenants' passes.
    pub(crate) valid_gateways: ValidGateways,
}

impl Memory {
    /// An empty memory.
    pub fn new(codes: &FunctionCodes, settings: &Settings) -> Self {
        Self {
            build: Build {
                code: codes.hashes(),
                permissions_boundary: settings.permissions_boundary_arn.clone(),
                endpoint_url_template: settings
                    .endpoint_url_template
                    .as_ref()
                    .map(|template| template.as_str().to_owned()),
                domain_port: settings.endpoint_url_template.as_ref().and_then(EndpointUrlTemplate::port),
            },
            creations: Creations::default(),
            capacities: Capacities::default(),
            configurations: Configurations::default(),
            issuers: Attempts::default(),
            probes: Probes::default(),
            inventories: Inventories::new(settings.drift_interval),
            grants: Grants::default(),
            valid_gateways: ValidGateways::default(),
        }
    }
}

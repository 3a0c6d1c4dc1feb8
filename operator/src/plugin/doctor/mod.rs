//! `kubectl aigw doctor`: looks for what is wrong, without changing anything. What the API server shows, what AWS says to
//! the credentials of whoever asks, and whether names resolve. Reading is apart from judging, which is pure; one file per
//! source.

mod account;
mod cluster;
mod names;
mod report;
mod rights;

use std::collections::BTreeSet;
use std::sync::Arc;

use aigw_api::AIGateway;
use aigw_cloud::Callers;
use kube::Client;

use super::PluginError;
use crate::args::DoctorArgs;

/// What a person asks the doctor for.
pub(super) struct Asked {
    /// Flags.
    pub(super) arguments: DoctorArgs,
    /// Installation, of which the rights depend.
    pub(super) installation: Option<String>,
    /// Permissions boundary that the operator is told to use.
    pub(super) boundary: Option<String>,
    /// AWS, with the credentials of whoever asks; `None` where it is not to be asked.
    pub(super) callers: Option<Arc<dyn Callers>>,
}

/// Looks everywhere. The text, and whether nothing is wrong.
pub(super) async fn examine(client: &Client, asked: &Asked) -> Result<(String, bool), PluginError> {
    let seen = cluster::Seen::read(client).await?;
    let mut report = cluster::judge(&seen);
    let gateways = seen.gateways();
    match &asked.callers {
        None => report.unknown.push("AWS and names were not asked: --offline".to_owned()),
        Some(callers) => {
            for region in regions(gateways) {
                let of_region: Vec<_> = gateways.iter().filter(|gateway| gateway.spec.region == region).collect();
                let caller = callers.caller(&region);
                let seen = account::Seen::read(&*caller, &region, &of_region, asked).await;
                report.add(account::judge(&seen, &region, &of_region));
            }
            let hosts = names::hosts(gateways, std::env::var("AWS_ENDPOINT_URL").ok().as_deref());
            report.add(names::judge(&names::resolve(hosts).await));
        }
    }
    Ok((report.text(), report.findings.is_empty()))
}

fn regions(gateways: &[AIGateway]) -> BTreeSet<String> {
    gateways.iter().map(|gateway| gateway.spec.region.clone()).collect()
}

//! One parser per setting. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ArgsError, LeaseSettings};

/// Drift is worth looking for at most this often: every look costs control-plane calls of a small account-wide budget.
const SHORTEST_DRIFT_INTERVAL: Duration = Duration::from_secs(10);
/// And at least this often, or it would not be found at all.
const LONGEST_DRIFT_INTERVAL: Duration = Duration::from_hours(24);

/// A sweep lists everything of the account; more often than this would cost the gateways their calls.
const SHORTEST_SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// Orphans cost money each day.
const LONGEST_SWEEP_INTERVAL: Duration = Duration::from_hours(24);

fn error(flag: &'static str, problem: impl Into<String>, fix: &'static str) -> ArgsError {
    ArgsError { flag, problem: problem.into(), fix }
}

pub(super) fn installation(value: Option<String>) -> Result<String, ArgsError> {
    const FLAG: &str = "--installation (AIGW_INSTALLATION)";
    const FIX: &str = "give this installation a name of 1 to 40 characters a-z, 0-9 and '-', for example prod-eu, and never change it";
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| error(FLAG, "is required", FIX))?;
    let fits = value.len() <= 40
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits { Ok(value) } else { Err(error(FLAG, format!("'{value}' is not a valid name"), FIX)) }
}

pub(super) fn namespace(value: Option<String>) -> Result<String, ArgsError> {
    const FLAG: &str = "--namespace (POD_NAMESPACE)";
    const FIX: &str = "set it to the namespace the operator runs in, in a pod through the downward API";
    let value = value.ok_or_else(|| error(FLAG, "is required", FIX))?;
    if is_label(&value) { Ok(value) } else { Err(error(FLAG, format!("'{value}' is not a namespace"), FIX)) }
}

pub(super) fn watch_namespaces(values: &[String]) -> Result<Vec<String>, ArgsError> {
    const FLAG: &str = "--watch-namespaces (AIGW_WATCH_NAMESPACES)";
    // An empty variable is one empty value to the argument parser.
    let mut names: Vec<String> =
        values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect();
    if let Some(bad) = names.iter().find(|name| !is_label(name)) {
        return Err(error(
            FLAG,
            format!("'{bad}' is not a namespace"),
            "list namespaces by name, separated by commas, or leave it empty for all",
        ));
    }
    // Scopes must not overlap, or one list would take away what the other brought.
    names.sort();
    names.dedup();
    Ok(names)
}

pub(super) fn drift_interval(value: &str) -> Result<Duration, ArgsError> {
    const FLAG: &str = "--drift-interval (AIGW_DRIFT_INTERVAL)";
    const FIX: &str = "use a duration from 10s to 24h, such as 10m or 1h30m";
    match duration(value) {
        Some(interval) if (SHORTEST_DRIFT_INTERVAL..=LONGEST_DRIFT_INTERVAL).contains(&interval) => Ok(interval),
        Some(_) => Err(error(FLAG, format!("'{value}' is out of range"), FIX)),
        None => Err(error(FLAG, format!("'{value}' is not a duration"), FIX)),
    }
}

pub(super) fn sweep_interval(value: &str) -> Result<Duration, ArgsError> {
    const FLAG: &str = "--sweep-interval (AIGW_SWEEP_INTERVAL)";
    const FIX: &str = "use a duration from 1m to 24h, such as 1h";
    match duration(value) {
        Some(interval) if (SHORTEST_SWEEP_INTERVAL..=LONGEST_SWEEP_INTERVAL).contains(&interval) => Ok(interval),
        Some(_) => Err(error(FLAG, format!("'{value}' is out of range"), FIX)),
        None => Err(error(FLAG, format!("'{value}' is not a duration"), FIX)),
    }
}

pub(super) fn http_address(value: &str) -> Result<SocketAddr, ArgsError> {
    value.parse().map_err(|_| {
        error(
            "--http-address (AIGW_HTTP_ADDRESS)",
            format!("'{value}' is not an address"),
            "use an IP address and a port, such as 0.0.0.0:8080 or [::]:8080",
        )
    })
}

pub(super) fn lease(
    elect: bool,
    name: String,
    namespace: Option<&str>,
    pod_name: Option<&str>,
) -> Result<Option<LeaseSettings>, ArgsError> {
    if !elect {
        return Ok(None);
    }
    if namespace.is_none() {
        return Err(error(
            "--namespace (POD_NAMESPACE)",
            "is required to hold a lease",
            "set it to the operator's namespace, or use --leader-elect=false where only one replica ever runs",
        ));
    }
    let Some(pod_name) = pod_name else {
        return Err(error(
            "--pod-name (POD_NAME)",
            "is required to hold a lease",
            "set it to the pod's name, or use --leader-elect=false where only one replica ever runs",
        ));
    };
    if !name.split('.').all(is_label) || name.len() > 253 {
        return Err(error(
            "--lease-name (AIGW_LEASE_NAME)",
            format!("'{name}' is not the name of an object"),
            "use lower-case letters, digits and '-'",
        ));
    }
    Ok(Some(LeaseSettings { name, holder: pod_name.to_owned() }))
}

pub(super) fn permissions_boundary(value: Option<String>) -> Result<Option<String>, ArgsError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", _, resource] if resource.starts_with("policy/") => Ok(Some(value)),
        _ => Err(error(
            "--permissions-boundary-arn (AIGW_PERMISSIONS_BOUNDARY_ARN)",
            format!("'{value}' is not the ARN of an IAM policy"),
            "use an ARN such as arn:aws:iam::111122223333:policy/aigw-boundary",
        )),
    }
}

pub(super) fn control_plane_share(value: Option<String>) -> Result<Option<f64>, ArgsError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1000.0 => Ok(Some(share)),
        _ => Err(error(
            "--control-plane-share (AIGW_CONTROL_PLANE_SHARE)",
            format!("'{value}' is not a usable share"),
            "use a number above 0 and up to 1, such as 0.5; against an emulator up to 1000",
        )),
    }
}

pub(super) fn concurrency(flag: &'static str, value: u16) -> Result<u16, ArgsError> {
    // kube-runtime takes 0 for "no limit".
    if (1..=64).contains(&value) {
        Ok(value)
    } else {
        Err(error(flag, format!("{value} is out of range"), "use a number from 1 to 64"))
    }
}

pub(super) fn endpoint_url_template(value: Option<String>) -> Result<Option<EndpointUrlTemplate>, ArgsError> {
    const FLAG: &str = "--endpoint-url-template (AIGW_ENDPOINT_URL_TEMPLATE)";
    const FIX: &str =
        "use a URL with {restApiId}, {stage} or {region}, such as https://127.0.0.1:8443/{restApiId}/{stage}";
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let template = EndpointUrlTemplate(value.trim_end_matches('/').to_owned());
    let rendered = template.render("id", "region", "stage");
    if !value.starts_with("https://") && !value.starts_with("http://") {
        Err(error(FLAG, format!("'{value}' does not begin with https:// or http://"), FIX))
    } else if !value.contains("{restApiId}") {
        Err(error(FLAG, format!("'{value}' lacks {{restApiId}}, so all gateways would have one URL"), FIX))
    } else if rendered.contains(['{', '}', ' ', '?', '#']) {
        Err(error(FLAG, format!("'{value}' holds an unknown placeholder or a character that cannot be there"), FIX))
    } else {
        Ok(Some(template))
    }
}

/// URL of a gateway, with places for what differs between gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrlTemplate(String);

impl EndpointUrlTemplate {
    /// The URL of one gateway's stage, without a slash at the end.
    pub fn render(&self, rest_api_id: &str, region: &str, stage: &str) -> String {
        self.0.replace("{restApiId}", rest_api_id).replace("{region}", region).replace("{stage}", stage)
    }

    /// Its port, where it names one: what stands in front of gateways there stands in front of custom domains as well.
    pub fn port(&self) -> Option<u16> {
        let (_, rest) = self.0.split_once("://")?;
        rest.split('/').next()?.rsplit_once(':')?.1.parse().ok()
    }

    /// The template itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A duration as Go writes them, in whole numbers: `90s`, `10m`, `1h30m`, `500ms`. `None` for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let part = match &after[..unit] {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(60 * 60)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = &after[unit..];
    }
    (!text.is_empty()).then_some(total)
}

/// RFC 1123 label.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

//! What the environment says about traces: the variables of OpenTelemetry's specification, those of them that apply here.

/// Where traces go below a base URL.
const PATH: &str = "/v1/traces";
/// The one form that is spoken.
const PROTOCOL: &str = "http/json";

/// Where traces go, and as whose.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// URL that batches are posted to.
    pub endpoint: String,
    /// Headers of every request; they may hold a credential.
    pub headers: Vec<(String, String)>,
    /// Attributes of the process, `service.name` among them.
    pub resource: Vec<(String, String)>,
}

/// Without the headers' values.
impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// A variable that cannot be used. Never says the value: headers may hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct SettingsError {
    variable: &'static str,
    problem: &'static str,
}

impl Settings {
    /// What `variable` gives for each name; `None` where no endpoint is given, or everything is switched off.
    ///
    /// # Errors
    /// [`SettingsError`] for the first value that cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || given("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none")
        {
            return Ok(None);
        }
        // The signal's own URL is taken as it is, the common one is a base.
        let own = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let common =
            || given("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}{PATH}", base.trim_end_matches('/')));
        let Some(endpoint) = own.or_else(common) else { return Ok(None) };
        if !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
            let problem = "is no http:// or https:// URL; use one such as http://otel-collector.observability:4318";
            return Err(SettingsError { variable: "OTEL_EXPORTER_OTLP_ENDPOINT", problem });
        }
        if endpoint.split('/').nth(2).is_some_and(|authority| authority.contains('@')) || endpoint.contains('?') {
            let problem = "credentials in a URL are not taken; give them by OTEL_EXPORTER_OTLP_HEADERS";
            return Err(SettingsError { variable: "OTEL_EXPORTER_OTLP_ENDPOINT", problem });
        }
        let protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| given("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if protocol.is_some_and(|protocol| protocol != PROTOCOL) {
            let problem = "only http/json is spoken; use it, or leave the variable away";
            return Err(SettingsError { variable: "OTEL_EXPORTER_OTLP_PROTOCOL", problem });
        }
        let headers = given("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| given("OTEL_EXPORTER_OTLP_HEADERS"));
        let headers = pairs("OTEL_EXPORTER_OTLP_HEADERS", headers.as_deref())?;
        let mut resource = pairs("OTEL_RESOURCE_ATTRIBUTES", given("OTEL_RESOURCE_ATTRIBUTES").as_deref())?;
        if let Some(name) = given("OTEL_SERVICE_NAME") {
            resource.retain(|(key, _)| key != "service.name");
            resource.push(("service.name".to_owned(), name));
        } else if !resource.iter().any(|(key, _)| key == "service.name") {
            resource.push(("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()));
        }
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Ok(Some(Self { endpoint, headers, resource }))
    }
}

/// `a=1,b=2`, values percent-encoded.
fn pairs(variable: &'static str, text: Option<&str>) -> Result<Vec<(String, String)>, SettingsError> {
    let error = SettingsError { variable, problem: "is not of the form name=value,name=value" };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
    };
    let parts = text.unwrap_or_default().split(',').filter(|part| !part.trim().is_empty());
    parts.map(|part| pair(part).ok_or_else(|| error.clone())).collect()
}

fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

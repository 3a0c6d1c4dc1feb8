//! The environment variables with which programs reach an instance, and the shell file that sets them.

use std::collections::BTreeMap;

use super::Instance;

/// Variables of the caller that would lead the AWS SDKs elsewhere.
pub const UNSET: [&str; 4] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"];

pub(super) fn variables(instance: &Instance) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        all.insert(name.to_owned(), value);
    };
    set("AIGW_ENV_DIR", instance.dir().display().to_string());
    if let Ok(kube) = instance.kube() {
        set("KUBECONFIG", kube.kubeconfig().display().to_string());
        set("AIGW_USER_KUBECONFIG", kube.user_kubeconfig().display().to_string());
        set("PATH", kube.tools().path_variable().to_string_lossy().into_owned());
        for part in ["CACHE", "CONFIG", "DATA"] {
            let dir = instance.dir().join("home/helm").join(part.to_lowercase());
            set(&format!("HELM_{part}_HOME"), dir.display().to_string());
        }
    }
    if let Ok(aws) = instance.aws() {
        let options = instance.options();
        let ca = aws.ca().path().display().to_string();
        set("AWS_ENDPOINT_URL", aws.proxy().url());
        // 12 digits select the emulator's account.
        set("AWS_ACCESS_KEY_ID", options.account.clone());
        set("AWS_SECRET_ACCESS_KEY", "local".to_owned());
        set("AWS_REGION", options.region.clone());
        set("AWS_DEFAULT_REGION", options.region.clone());
        set("AWS_EC2_METADATA_DISABLED", "true".to_owned());
        set("AWS_CONFIG_FILE", "/dev/null".to_owned());
        set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned());
        set("AWS_CA_BUNDLE", ca.clone());
        set("NODE_EXTRA_CA_CERTS", ca);
        set("AIGW_GATEWAY_URL", aws.front().url());
        set("AIGW_EMULATOR_URL", aws.emulator().url());
        set("AIGW_BEDROCK_STUB_URL", aws.bedrock().url());
    }
    all
}

/// The text of a shell file that sets `variables`.
pub fn env_file(variables: &BTreeMap<String, String>) -> String {
    let mut lines = vec![
        "# To be sourced: points kubectl, helm, the AWS SDKs and curl at the local environment.".to_owned(),
        format!("unset {}", UNSET.join(" ")),
    ];
    lines.extend(variables.iter().map(|(name, value)| format!("export {name}={}", quoted(value))));
    lines.join("\n") + "\n"
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

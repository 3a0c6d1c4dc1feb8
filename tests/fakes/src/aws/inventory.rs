//! Everything that exists, as text two worlds can be compared by.
//!
//! Generated ids become names made of what identifies the object, lines are sorted, and what counts or tells the time is
//! left out. Objects that should not be two appear as `… #2`, so that a duplicate is a difference.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use aigw_contract::meter::LAST_USED_PREFIX;
use aigw_contract::table::{DOCUMENT, METER_POLICY_VERSION, TTL, VERSION};
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::identity::{TAG_ID, TAG_TIER};
use serde_json::Value;

use super::api_gateway::{ApiKey, Definition, Deployment, Domain, RestApi, Stage, UsagePlan};
use super::dynamodb::{Attribute, Item, Table, TableStatus};
use super::iam::Role;
use super::lambda::{Alias, Configuration, Function, Version};
use super::logs::LogGroup;
use super::state::{AccountState, ID_LENGTH, RegionState};

/// What an inventory shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryOptions {
    /// Show counters and times: versions of items, revision of functions, whether something still is pending.
    pub counters: bool,
    /// Fields of documents that are shown as `…`, wherever they stand.
    pub hidden_fields: BTreeSet<String>,
    /// Whether deployments no stage serves are shown.
    pub spare_deployments: bool,
    /// Whether versions of functions other than the alias's are shown.
    pub spare_versions: bool,
}

impl Default for InventoryOptions {
    fn default() -> Self {
        let hidden =
            ["heartbeat", "usageKeySince", "notAfter", "fetchedAt", "removedAt", "since", "suspendedSince", "at"];
        Self {
            counters: false,
            hidden_fields: hidden.map(str::to_owned).into(),
            spare_deployments: true,
            spare_versions: true,
        }
    }
}

/// The text.
pub(crate) fn text(state: &AccountState, options: &InventoryOptions) -> String {
    let mut lines = Vec::new();
    for (name, role) in &state.roles {
        lines.push(of_role(name, role));
    }
    for (name, region) in &state.regions {
        let lines_of = Lines { region, names: names(region), options };
        lines.extend(lines_of.all().into_iter().map(|line| format!("{name} {line}")));
    }
    // An object is its first line with the indented ones below it.
    lines.sort();
    lines.concat()
}

/// Stable names by id.
fn names(region: &RegionState) -> HashMap<&str, String> {
    let mut wanted: Vec<(String, &str)> = Vec::new();
    for (id, api) in &region.rest_apis {
        let of = api.tags.get(TAG_ID).unwrap_or(&api.name);
        wanted.push((format!("<api {of}>"), id));
        for (id, deployment) in &api.deployments {
            let hash: String = deployment.description.chars().take(12).collect();
            wanted.push((format!("<deployment {hash} of {of}>"), id));
        }
    }
    for (id, plan) in &region.usage_plans {
        let of = plan.tags.get(TAG_ID).unwrap_or(&plan.name);
        let tier = plan.tags.get(TAG_TIER).map_or("", String::as_str);
        wanted.push((format!("<plan {tier} of {of}>"), id));
    }
    wanted.extend(region.api_keys.iter().map(|(id, key)| (format!("<key {}>", key.name), id.as_str())));
    wanted.sort();

    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = HashMap::new();
    for (name, id) in wanted {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        names.insert(id, if *count == 1 { name } else { format!("{name} #{count}") });
    }
    names
}

struct Lines<'a> {
    region: &'a RegionState,
    names: HashMap<&'a str, String>,
    options: &'a InventoryOptions,
}

impl Lines<'_> {
    /// One entry per object, each with a line break at its end.
    fn all(&self) -> Vec<String> {
        let RegionState {
            rest_apis,
            usage_plans,
            api_keys,
            domains,
            foreign_domains: _,
            functions,
            log_role: _,
            log_groups,
            tables,
        } = self.region;
        let mut entries = Vec::new();
        entries.extend(rest_apis.iter().map(|(id, api)| self.of_api(id, api)));
        entries.extend(usage_plans.iter().map(|(id, plan)| self.of_plan(id, plan)));
        entries.extend(api_keys.iter().map(|(id, key)| of_key(id, key)));
        entries.extend(domains.iter().map(|(name, domain)| of_domain(name, domain)));
        entries.extend(functions.iter().map(|(name, function)| self.of_function(name, function)));
        entries.extend(log_groups.iter().map(|(name, group)| of_log_group(name, group)));
        entries.extend(tables.iter().map(|(name, table)| self.of_table(name, table)));
        entries.iter().map(|entry| self.renamed(entry)).collect()
    }

    /// Every id in `text` by its name.
    fn renamed(&self, text: &str) -> String {
        let mut renamed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|character: char| character.is_ascii_alphanumeric()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            renamed.push_str(before);
            let name = (word.len() == ID_LENGTH).then(|| self.names.get(word)).flatten();
            renamed.push_str(name.map_or(word, String::as_str));
            rest = after;
        }
        renamed + rest
    }

    fn of_api(&self, id: &str, api: &RestApi) -> String {
        let RestApi {
            name,
            endpoint_type,
            vpc_endpoint_ids,
            default_endpoint_disabled,
            tags,
            created: _,
            definition,
            deployments,
            stages,
        } = api;
        let closed = if *default_endpoint_disabled { ", own name closed" } else { "" };
        let mut text =
            format!("rest api {id}: name {name}, {endpoint_type} {vpc_endpoint_ids:?}{closed}{}\n", tagged(tags));
        let _ = writeln!(text, "  imported: {}", of_definition(definition));
        let served: BTreeSet<_> = stages.values().map(|stage| stage.deployment_id.as_str()).collect();
        let mut lines: Vec<_> = deployments
            .iter()
            .filter(|(id, _)| self.options.spare_deployments || served.contains(id.as_str()))
            .map(|(id, deployment)| {
                let Deployment { description: _, created: _, created_unix: _, definition } = deployment;
                self.renamed(&format!("  deployment {id}: {}\n", of_definition(definition)))
            })
            .collect();
        lines.sort();
        text.extend(lines);
        for (name, stage) in stages {
            let Stage { deployment_id, rate_limit, burst_limit, access_log, tags } = stage;
            let limits = format!("{rate_limit:?}/{burst_limit:?}");
            let _ = writeln!(text, "  stage {name}: serves {deployment_id}, throttle {limits}{}", tagged(tags));
            if let Some(AccessLog { destination_arn, format }) = access_log {
                let _ = writeln!(text, "    access log to {destination_arn}: {format}");
            }
        }
        text
    }

    fn of_plan(&self, id: &str, plan: &UsagePlan) -> String {
        let UsagePlan { name, rate_limit, burst_limit, api_stages, keys, tags, created: _ } = plan;
        let mut text = format!("usage plan {id}: name {name}, {rate_limit:?}/{burst_limit:?}{}\n", tagged(tags));
        for (api, stage) in api_stages {
            let _ = writeln!(text, "  stage {stage} of {api}");
        }
        let mut lines: Vec<_> = keys.iter().map(|key| self.renamed(&format!("  key {key}\n"))).collect();
        lines.sort();
        text.extend(lines);
        text
    }

    fn of_function(&self, name: &str, function: &Function) -> String {
        let Function { arn, configuration, tags, revision, pending_reads, failed, versions, last_version, live } =
            function;
        let mut text = format!("function {name}: {arn}{}\n", tagged(tags));
        if self.options.counters {
            let _ = writeln!(text, "  revision {revision}, pending {pending_reads}, last version {last_version}");
        }
        if let Some(reason) = failed {
            let _ = writeln!(text, "  failed: {reason}");
        }
        let _ = writeln!(text, "  latest: {}", of_configuration(configuration));
        let serving = live.as_ref().map(|alias| alias.version);
        for (number, Version { description, configuration, published: _ }) in versions {
            let shares = live.as_ref().and_then(|alias| alias.canary).is_some_and(|(version, _)| version == *number);
            if self.options.spare_versions || shares || serving == Some(*number) {
                let number = if self.options.counters { format!(" {number}") } else { String::new() };
                let _ = writeln!(text, "  version{number} {description}: {}", of_configuration(configuration));
            }
        }
        if let Some(Alias { version, canary, description: note, permissions }) = live {
            let description = versions.get(version).map_or("", |version| version.description.as_str());
            let _ = writeln!(text, "  live: version {description}");
            if let Some((version, percent)) = canary {
                let description = versions.get(version).map_or("", |version| version.description.as_str());
                let _ = writeln!(text, "  {percent} % of calls: version {description}");
            }
            if !note.is_empty() {
                let _ = writeln!(text, "  note: {}", self.without_times(note));
            }
            for (statement, source) in permissions {
                let _ = writeln!(text, "  permission {statement}: {source}");
            }
        }
        text
    }

    /// What is remembered of releases, without what differs from run to run.
    fn without_times(&self, note: &str) -> String {
        let mut note: Value = serde_json::from_str(note).unwrap_or_else(|_| Value::String(note.to_owned()));
        self.hide(&mut note);
        note.to_string()
    }

    fn of_table(&self, name: &str, table: &Table) -> String {
        let Table { arn: _, status, time_to_live, point_in_time_recovery, deletion_protection, tags, items } = table;
        let status = match status {
            TableStatus::Creating(_) => "creating",
            TableStatus::Active => "active",
            TableStatus::Deleting(_) => "deleting",
        };
        let mut text = format!(
            "table {name}: {status}, time to live {time_to_live}, point-in-time recovery {point_in_time_recovery}, \
             deletion protection {deletion_protection}{}\n",
            tagged(tags)
        );
        for ((pk, sk), item) in items {
            let _ = writeln!(text, "  item {pk}/{sk}");
            self.of_item(&mut text, item);
        }
        text
    }

    fn of_item(&self, text: &mut String, item: &Item) {
        for (name, value) in item {
            // Like a counter, a time of use is another in each run.
            let counts =
                [VERSION, METER_POLICY_VERSION, TTL].contains(&name.as_str()) || name.starts_with(LAST_USED_PREFIX);
            match value {
                _ if counts && !self.options.counters => {
                    let _ = writeln!(text, "    {name}: …");
                }
                Attribute::Text(document) if name == DOCUMENT => {
                    let mut document: Value =
                        serde_json::from_str(document).unwrap_or_else(|_| Value::String(document.clone()));
                    self.hide(&mut document);
                    let pretty = format!("{document:#}").replace('\n', "\n    ");
                    let _ = writeln!(text, "    {name}: {pretty}");
                }
                Attribute::Text(value) => drop(writeln!(text, "    {name}: {value}")),
                Attribute::Number(value) => drop(writeln!(text, "    {name}: {value}")),
                Attribute::Bool(value) => drop(writeln!(text, "    {name}: {value}")),
            }
        }
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if self.options.hidden_fields.contains(name) && !self.options.counters {
                        *value = Value::String("…".into());
                    } else {
                        self.hide(value);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.hide(value)),
            _ => {}
        }
    }
}

fn of_definition(definition: &Definition) -> String {
    let Definition { api_key_source, policy, methods, gateway_responses, default_endpoint_disabled } = definition;
    let mut text = format!("keys from {api_key_source}");
    if *default_endpoint_disabled {
        text += ", own name closed";
    }
    if let Some(policy) = policy {
        let _ = write!(text, ", policy {policy}");
    }
    let responses = gateway_responses.as_object().map_or(0, serde_json::Map::len);
    let _ = write!(text, ", {responses} gateway responses");
    for method in methods {
        let authorizer = method.authorizer_uri.as_deref().unwrap_or("none");
        let key = if method.api_key_required { "key" } else { "no key" };
        let _ = write!(
            text,
            "\n    {} {}: {} by {authorizer}, {key}, {} {}",
            method.http_method,
            method.path,
            method.authorization_type,
            method.response_transfer_mode,
            method.integration_uri
        );
    }
    text
}

fn of_domain(name: &str, domain: &Domain) -> String {
    let Domain { certificate_arn, security_policy, pending_reads: _, failed, tags, created: _, mappings } = domain;
    let mut text = format!("domain {name}: {security_policy}, certificate {certificate_arn}{}\n", tagged(tags));
    if let Some(word) = failed {
        let _ = writeln!(text, "  failed: {word}");
    }
    for (base_path, (api, stage)) in mappings {
        let _ = writeln!(text, "  /{base_path} leads to stage {stage} of {api}");
    }
    text
}

fn of_key(id: &str, key: &ApiKey) -> String {
    let ApiKey { name: _, value, enabled, tags, created: _ } = key;
    let state = if *enabled { "enabled" } else { "disabled" };
    format!("api key {id}: {state}, value {value}{}\n", tagged(tags))
}

fn tagged(tags: &BTreeMap<String, String>) -> String {
    tags.iter().fold(String::new(), |text, (key, value)| text + "\n  tag " + key + "=" + value)
}

fn of_configuration(configuration: &Configuration) -> String {
    let Configuration { code_sha256, role_arn, architecture, memory_mib, timeout_seconds, environment, log_group } =
        configuration;
    format!(
        "code {code_sha256}, {architecture}, {memory_mib} MiB, {timeout_seconds} s, role {role_arn}, logs {log_group}, \
         environment {environment:?}"
    )
}

fn of_log_group(name: &str, group: &LogGroup) -> String {
    let LogGroup { retention_days, tags } = group;
    let kept = retention_days.map_or("for ever".to_owned(), |days| format!("{days} days"));
    format!("log group {name}: kept {kept}{}\n", tagged(tags))
}

fn of_role(name: &str, role: &Role) -> String {
    let Role { arn, trust, boundary, policies, tags, created: _ } = role;
    let mut text = format!("role {name}: {arn}{}\n  trust {trust}\n", tagged(tags));
    if let Some(boundary) = boundary {
        let _ = writeln!(text, "  boundary {boundary}");
    }
    for (policy, content) in policies {
        let _ = writeln!(text, "  policy {policy}: {content}");
    }
    text
}

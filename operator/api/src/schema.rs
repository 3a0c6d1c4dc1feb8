//! Schemas of optional enums, spelled out, and rules that several fields share.
//!
//! Derived, an `Option` of an enum lists `null` among its values, which GitOps tools and `kubectl explain` show as a
//! choice.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator};

fn string_enum(description: &str, values: &[&str]) -> Schema {
    schemars::json_schema!({"type": "string", "description": description, "enum": values})
}

pub(crate) fn deletion_policy(_: &mut SchemaGenerator) -> Schema {
    string_enum("Delete: remove the AWS objects. Retain: leave them as they are.", &["Delete", "Retain"])
}

pub(crate) fn architecture(_: &mut SchemaGenerator) -> Schema {
    string_enum("Instruction set of both functions: arm64 (default) or x86_64.", &["arm64", "x86_64"])
}

pub(crate) fn namespace_origin(_: &mut SchemaGenerator) -> Schema {
    string_enum("Same: the gateway's own namespace. All: every namespace.", &["Same", "All"])
}

pub(crate) fn residency(_: &mut SchemaGenerator) -> Schema {
    let description = "Where calls have to be answered. Region: in the gateway's Region, through no cross-Region profile. \
                       EU, US, APAC, JP, AU, USGov: in the gateway's Region if it lies there, or through a profile that \
                       stays there. Default: anywhere.";
    string_enum(description, &["Region", "EU", "US", "APAC", "JP", "AU", "USGov"])
}

pub(crate) fn resource_access(_: &mut SchemaGenerator) -> Schema {
    string_enum("Use: call, read and list. Manage: also create, change and delete. Default: Use.", &["Use", "Manage"])
}

pub(crate) fn unknown_price(_: &mut SchemaGenerator) -> Schema {
    let description = "What a tenant with a budget may do with a model no price is known for. Deny (default): not call \
                       it. ChargeMaximum: call it, charged with the highest price of all models for each class of tokens.";
    string_enum(description, &["Deny", "ChargeMaximum"])
}

pub(crate) fn fail_mode(_: &mut SchemaGenerator) -> Schema {
    let description = "What happens to calls while the table does not answer, and so nothing can be counted. Closed \
                       (default): they are refused with 503. Open: those of tenants the function has met before are \
                       forwarded; they are never counted, not later either, so no limit and no budget holds meanwhile.";
    string_enum(description, &["Closed", "Open"])
}

pub(crate) fn probe_mode(_: &mut SchemaGenerator) -> Schema {
    let description = "Required (default): Ready says so only after a probe went through; where the operator cannot reach \
                       the URL of a Regional gateway it is not Ready, of a Private one nothing is held against it. \
                       Report: probes are made and told, and Ready does not depend on them. Off: none are made.";
    string_enum(description, &["Required", "Report", "Off"])
}

pub(crate) fn release_policy(_: &mut SchemaGenerator) -> Schema {
    let description = "AllAtOnce (default): a new version takes all calls as soon as it is ready. Canary: it takes a growing \
                       share of them, and none any more once it fails too often or is too slow.";
    string_enum(description, &["AllAtOnce", "Canary"])
}

pub(crate) fn enforcement(_: &mut SchemaGenerator) -> Schema {
    let description = "Enforce: limits and budgets deny. Shadow: they are counted and logged, and deny nothing; only where \
                       the gateway's rule allows it. Default: Enforce.";
    string_enum(description, &["Enforce", "Shadow"])
}

/// The rule of a price of a million tokens.
pub(crate) fn price() -> Rule {
    Rule::new("self.matches('^[0-9]{1,5}([.][0-9]{1,6})?$')").message(
        "a price is a decimal in quotes, below 100000 and with at most 6 digits after the point, for example \"0.25\"",
    )
}

/// The rule of the money of a budget.
pub(crate) fn budget() -> Rule {
    Rule::new("self.matches('^[0-9]{1,9}([.][0-9]{1,6})?$') && self.matches('[1-9]')").message("usd must be an amount of USD above zero in quotes, such as \"200\" or \"0.5\", with at most six digits after the point")
}

/// The rule of a time span between `least` and `most`, written as Go does. Spelled out digit by digit first, because CEL's
/// `duration` fails the whole rule where it cannot read something.
pub(crate) fn duration(field: &str, least: &str, most: &str) -> Rule {
    let rule = format!(
        "self.matches('^([0-9]{{1,4}}h)?([0-9]{{1,6}}m)?([0-9]{{1,8}}s)?$') && self != '' && duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
    );
    let message = format!(
        "{field} must be a time span from {least} to {most} in hours, minutes and seconds, such as 36h or 1h30m"
    );
    Rule::new(rule).message(message.as_str())
}

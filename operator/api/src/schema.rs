//! Schemas of optional enums, spelled out.
//!
//! Derived, an `Option` of an enum lists `null` among its values, which GitOps tools and `kubectl explain` show as a
//! choice.

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

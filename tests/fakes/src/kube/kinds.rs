//! The kinds a server serves: those built in, and what definitions add.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::cel::Rules;
use super::path::JsonPath;
use super::schema::Schema;

/// A served kind.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "Kubernetes' own word")]
pub(super) struct Kind {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// Whether it has the `/status` subresource.
    pub status: bool,
    /// Whether a PUT without `metadata.resourceVersion` is taken.
    pub unconditional_update: bool,
    /// Whether the server counts `metadata.generation`.
    pub generations: bool,
    /// What a definition says about its objects; none for kinds built in.
    pub definition: Option<Definition>,
}

/// What a definition says about objects beyond their names.
#[derive(Debug)]
pub(super) struct Definition {
    pub schema: Arc<Schema>,
    pub rules: Rules,
    /// Fields that field selectors may name, without the leading dot.
    pub selectable: Vec<(String, JsonPath)>,
    pub columns: Vec<Column>,
}

/// A printer column.
#[derive(Debug)]
pub(super) struct Column {
    pub name: String,
    pub kind: String,
    pub format: String,
    pub description: String,
    pub priority: i64,
    pub path: JsonPath,
}

/// Kinds by group and plural.
pub(super) type Kinds = BTreeMap<(String, String), Arc<Kind>>;

impl Kind {
    /// `v1`, `aigateway.dev/v1alpha1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `secrets`, `tenants.aigateway.dev`: how messages name it.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Secret`, `Tenant.aigateway.dev`: how messages about one invalid object name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// The schema of objects, if a definition gives one.
    pub fn schema(&self) -> Option<&Schema> {
        self.definition.as_ref().map(|definition| &*definition.schema)
    }

    /// The kind that a definition's object describes, in its served storage version. The words are for a 422.
    pub fn from_definition(definition: &Value, cel: bool) -> Result<Self, String> {
        let spec = &definition["spec"];
        let names = &spec["names"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        let versions = spec["versions"].as_array().ok_or("spec.versions: Required value")?;
        let version =
            versions.iter().find(|version| version["storage"] == true).ok_or("spec.versions: no storage version")?;
        let document = &version["schema"]["openAPIV3Schema"];
        let schema = Schema::parse(document)?;
        let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
        let selectable = version["selectableFields"].as_array().into_iter().flatten();
        Ok(Self {
            group: text(&spec["group"]),
            version: text(&version["name"]),
            plural: text(&names["plural"]),
            singular: names["singular"].as_str().map_or_else(|| text(&names["kind"]).to_lowercase(), str::to_owned),
            kind: text(&names["kind"]),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            status: version["subresources"]["status"].is_object(),
            unconditional_update: false,
            generations: true,
            definition: Some(Definition {
                schema: Arc::new(schema),
                rules: if cel { Rules::of(document)? } else { Rules::none() },
                selectable: selectable
                    .map(|field| {
                        let path = text(&field["jsonPath"]);
                        Ok((path.trim_start_matches('.').to_owned(), JsonPath::parse(&path)?))
                    })
                    .collect::<Result<_, String>>()?,
                columns: columns.map(column).collect::<Result<_, String>>()?,
            }),
        })
    }
}

fn column(value: &Value) -> Result<Column, String> {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ok(Column {
        name: text("name"),
        kind: text("type"),
        format: text("format"),
        description: text("description"),
        priority: value["priority"].as_i64().unwrap_or(0),
        path: JsonPath::parse(&text("jsonPath"))?,
    })
}

/// Group of definitions.
pub(super) const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");
/// Group of access rules.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// The kinds of every server that matter here.
pub(super) fn built_in() -> Kinds {
    let core = [
        ("", "v1", "namespaces", "Namespace", false),
        ("", "v1", "secrets", "Secret", true),
        ("", "v1", "configmaps", "ConfigMap", true),
        ("", "v1", "serviceaccounts", "ServiceAccount", true),
        ("apps", "v1", "deployments", "Deployment", true),
        ("events.k8s.io", "v1", "events", "Event", true),
        ("coordination.k8s.io", "v1", "leases", "Lease", true),
        (DEFINITIONS.0, "v1", DEFINITIONS.1, "CustomResourceDefinition", false),
        (RBAC, "v1", "roles", "Role", true),
        (RBAC, "v1", "rolebindings", "RoleBinding", true),
        (RBAC, "v1", "clusterroles", "ClusterRole", false),
        (RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", false),
    ];
    let kind = |(group, version, plural, kind, namespaced): (&str, &str, &str, &str, bool)| Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        kind: kind.to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        status: plural == "namespaces" || plural == DEFINITIONS.1,
        unconditional_update: plural != "leases" && plural != DEFINITIONS.1,
        generations: plural == DEFINITIONS.1,
        definition: None,
    };
    core.into_iter().map(kind).map(|kind| ((kind.group.clone(), kind.plural.clone()), Arc::new(kind))).collect()
}

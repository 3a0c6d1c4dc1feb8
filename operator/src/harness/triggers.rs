//! Which objects to look at when another one changes: the only knowledge of our kinds in the harness.

use std::collections::BTreeMap;
use std::sync::Arc;

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, Tenant};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::predicates::{self, hash_of};
use super::spacing::spaced;
use super::timing;
use super::watch::{Change, Key, reference};
use crate::context::Stores;

/// Namespace and name of the gateway a tenant refers to.
pub fn gateway_of(tenant: &Tenant) -> Key {
    let reference = &tenant.spec.gateway_ref;
    let namespace = reference.namespace.clone().or_else(|| tenant.namespace());
    Key { namespace, name: reference.name.clone() }
}

/// Whether `tenant` refers to that gateway. Asked of every tenant at every look, so nothing is copied.
pub fn refers_to(tenant: &Tenant, namespace: &str, name: &str) -> bool {
    let reference = &tenant.spec.gateway_ref;
    let of_reference = reference.namespace.as_deref().or(tenant.metadata.namespace.as_deref());
    reference.name == name && of_reference.unwrap_or_default() == namespace
}

/// Gateways to look at because a tenant appeared, began to go, or is gone.
pub fn gateways_of_tenants(
    changes: impl Stream<Item = Change<Tenant>> + Send + 'static,
) -> BoxStream<'static, ObjectRef<AIGateway>> {
    let gateways = predicates::news(changes, tenant_as_gateway_sees_it).map(|change| gateway_of(change.object()));
    spaced(gateways, timing::TENANT_NEWS)
        .map(|gateway| reference(&gateway.name, gateway.namespace.as_deref().unwrap_or_default()))
        .boxed()
}

/// Tenants to look at because their gateway changed in something they read.
pub fn tenants_of_gateways(
    stores: Stores,
    changes: impl Stream<Item = Change<AIGateway>> + Send + 'static,
) -> BoxStream<'static, ObjectRef<Tenant>> {
    predicates::news(changes, gateway_as_tenants_see_it)
        .flat_map(move |change| {
            let key = Key::of(&**change.object());
            stream::iter(references(&stores.tenants_of(key.namespace.as_deref().unwrap_or_default(), &key.name)))
        })
        .boxed()
}

/// Tenants to look at because the labels of their namespace, which rules select by, changed.
pub fn tenants_of_namespaces(
    stores: Stores,
    changes: impl Stream<Item = Change<PartialObjectMeta<Namespace>>> + Send + 'static,
) -> BoxStream<'static, ObjectRef<Tenant>> {
    predicates::news(changes, |namespace| hash_of(namespace.labels()))
        .flat_map(move |change| {
            let namespace = change.object().name_any();
            stream::iter(references(
                &stores.tenants.state_filter(|tenant| tenant.metadata.namespace.as_deref() == Some(&*namespace)),
            ))
        })
        .boxed()
}

/// Tenants to look at because another one of their namespace and gateway is gone, or has other limits by now, which may
/// leave room for those that were refused for want of it.
pub fn tenants_of_tenants(
    stores: Stores,
    changes: impl Stream<Item = Change<Tenant>> + Send + 'static,
) -> BoxStream<'static, ObjectRef<Tenant>> {
    predicates::news(changes, tenant_as_its_neighbours_see_it)
        .flat_map(move |change| {
            let (gone, other) = (matches!(change, Change::Deleted(_)), change.object());
            let (namespace, gateway) = (other.namespace(), gateway_of(other));
            stream::iter(references(&stores.tenants.state_filter(|tenant| {
                tenant.metadata.namespace == namespace
                    && (gone || lacks_room(tenant))
                    && refers_to(tenant, gateway.namespace.as_deref().unwrap_or_default(), &gateway.name)
            })))
        })
        .boxed()
}

/// Whether a tenant was refused because of what others of its namespace have. Nothing else makes one tenant's limits
/// another's business, so a change of one wakes no others.
fn lacks_room(tenant: &Tenant) -> bool {
    let conditions = tenant.status.iter().flat_map(|status| &status.conditions);
    let reasons = [reason::NAMESPACE_CEILING_REACHED, reason::TOO_MANY_TENANTS];
    conditions.filter(|condition| condition.type_ == kind::ACCEPTED).any(|one| reasons.contains(&&*one.reason))
}

fn references<K: Resource<DynamicType = ()>>(objects: &[Arc<K>]) -> Vec<ObjectRef<K>> {
    objects.iter().map(|object| ObjectRef::from_obj(&**object)).collect()
}

/// What a gateway reads of its tenants: that they are there, and whether they are going.
fn tenant_as_gateway_sees_it(tenant: &Tenant) -> u64 {
    hash_of(&(gateway_of(tenant), tenant.metadata.deletion_timestamp.is_some()))
}

/// What tenants of a namespace take from one another: what one has, what it asks for, and whether it is going. Not what a
/// refused one is told, or two of them would wake each other for ever.
fn tenant_as_its_neighbours_see_it(tenant: &Tenant) -> u64 {
    let effective = tenant.status.as_ref().and_then(|status| status.effective.as_ref());
    let has = effective.map(|effective| {
        let limits: Vec<_> = effective.limits.iter().map(|limit| (&limit.name, limit.value)).collect();
        (limits, effective.budgets.iter().map(|budget| (budget.window, &budget.usd)).collect::<Vec<_>>())
    });
    let deleting = tenant.metadata.deletion_timestamp.is_some();
    hash_of(&(gateway_of(tenant), tenant.metadata.generation, deleting, has.map(|has| format!("{has:?}"))))
}

/// What tenants read of their gateway: its spec, whether it is programmed, its URL and its usage plans. What else its
/// status tells (the count of tenants, deployments, versions) would wake thousands of tenants for nothing.
fn gateway_as_tenants_see_it(gateway: &AIGateway) -> u64 {
    let status = gateway.status.clone().unwrap_or_default();
    let conditions: BTreeMap<_, _> =
        status.conditions.iter().map(|condition| (condition.type_.clone(), condition.status.clone())).collect();
    let plans: Vec<_> = status.usage_plans.iter().map(|plan| (&plan.tier, &plan.id)).collect();
    let deleting = gateway.metadata.deletion_timestamp.is_some();
    let spec = (gateway.metadata.uid.as_deref(), gateway.metadata.generation, deleting);
    hash_of(&(spec, conditions, &status.endpoint, plans))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gateway(status: &Value) -> AIGateway {
        let spec = json!({
            "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
            "endpoint": {"type": "Regional"}, "tiers": [], "tenants": {"rules": []},
        });
        serde_json::from_value(
            json!({"metadata": {"name": "g", "namespace": "p", "generation": 1}, "spec": spec, "status": status}),
        )
        .unwrap()
    }

    fn condition(status: &str, message: &str) -> Value {
        json!({"conditions": [{"type": "Programmed", "status": status, "reason": "R", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
    }

    #[test]
    fn tenants_wake_when_the_gateway_is_programmed_and_not_when_it_counts_them() {
        let before = gateway_as_tenants_see_it(&gateway(&condition("False", "a")));
        assert_eq!(before, gateway_as_tenants_see_it(&gateway(&condition("False", "b"))));
        assert_ne!(before, gateway_as_tenants_see_it(&gateway(&condition("True", "a"))));
        let count = |total: i32| gateway_as_tenants_see_it(&gateway(&json!({"tenants": {"total": total}})));
        assert_eq!(count(1), count(2));
        assert_ne!(count(1), gateway_as_tenants_see_it(&gateway(&json!({"endpoint": "https://x"}))));
    }

    #[test]
    fn a_tenant_without_a_gateway_namespace_means_its_own() {
        let tenant: Tenant = serde_json::from_value(
            json!({"metadata": {"name": "t", "namespace": "team"}, "spec": {"gatewayRef": {"name": "g"}}}),
        )
        .unwrap();
        assert_eq!(gateway_of(&tenant), Key { namespace: Some("team".into()), name: "g".into() });
    }
}

//! What holds of names: AWS takes them, and no two identities share one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::tenant::internal_key::{key_name, key_value};

/// Short names of few letters, so that moved boundaries would collide; and the longest Kubernetes allows.
fn identities() -> impl Strategy<Value = BTreeSet<(String, String, String)>> {
    let installation = prop_oneof![4 => "[a-b-]{1,4}", 1 => "[a-z0-9-]{40}"];
    let namespace = prop_oneof![4 => "[a-b]([a-b-]{0,2}[a-b])?", 1 => "[a-z0-9]{63}"];
    let name = prop_oneof![4 => "[a-b]([a-b.-]{0,2}[a-b])?", 1 => "[a-z0-9.]{120}[a-b]", 1 => "[a-c]{251}[a-b]{2}"];
    prop::collection::btree_set((installation, namespace, name), 2..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn names_fit_and_are_nobody_elses(identities in identities(), tenants in identities()) {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        let mut take = |name: String, by: String| {
            let other = taken.insert(name.clone(), by.clone());
            prop_assert!(other.is_none(), "{} of both {:?} and {}", name, other, by);
            Ok(())
        };
        for (installation, namespace, name) in identities {
            let identity = GatewayIdentity { installation, namespace, name };
            let id = identity.id();
            // Tag values: at most 256 of letters, digits and a few signs.
            prop_assert!(id.len() <= 256, "{} has {}", id, id.len());
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-=._:/@ ".contains(&byte)));
            // Table 3 to 255, function and role at most 64 of [A-Za-z0-9-_].
            for function in Function::ALL {
                let name = identity.function_name(function);
                prop_assert!(name.len() <= 64);
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
                take(name, format!("{identity:?}"))?;
            }
            prop_assert!((3..=64).contains(&identity.physical_name().len()));
            take(id, format!("{identity:?}"))?;
            let tenants: BTreeSet<_> = tenants.iter().map(|(_, namespace, name)| (namespace, name)).collect();
            for (namespace, name) in tenants.into_iter().take(5) {
                let tenant = identity.tenant_id(namespace, name);
                // A credential's tenant part: at most 32 of [a-z0-9-].
                prop_assert!(tenant.len() <= 32);
                prop_assert!(tenant.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
                let key = key_name(&identity, &tenant, i64::MAX);
                prop_assert!(key.len() <= 1024 && key.starts_with(&identity.api_key_prefix()));
                take(key_value(&identity, &tenant, 0), format!("{identity:?} {namespace}/{name}"))?;
                take(tenant, format!("{identity:?} {namespace}/{name}"))?;
            }
        }
    }
}

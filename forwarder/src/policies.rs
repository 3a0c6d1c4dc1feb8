//! Tenant policies, kept until a reservation shows that there is a newer one.
//!
//! Every reservation names the version it was decided by, so a kept policy never grants what a later one does not: age
//! plays no part. Whoever denies by a kept policy reads it again first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_contract::policy::TenantPolicy;
use aigw_contract::table;

use crate::table::{Document, Table, TableError};

/// Policies kept at a time. One is a few hundred bytes; an environment rarely sees this many tenants.
const CAPACITY: usize = 1_000;

type Shared = Arc<Document<TenantPolicy>>;

/// Reads policies and remembers them.
pub struct Policies {
    table: Arc<Table>,
    kept: Mutex<HashMap<String, Shared>>,
}

impl Policies {
    /// Policies of this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, kept: Mutex::default() }
    }

    /// The tenant's policy as it was read last.
    pub fn kept(&self, tenant: &str) -> Option<Shared> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// The tenant's policy as the table has it now.
    ///
    /// # Errors
    /// [`TableError`]; a tenant without a policy is `None`.
    pub async fn read(&self, tenant: &str) -> Result<Option<Shared>, TableError> {
        let read = self.table.document(&table::tenant_pk(tenant), table::POLICY_SK).await?.map(Arc::new);
        self.keep(tenant, read.as_ref());
        Ok(read)
    }

    fn keep(&self, tenant: &str, policy: Option<&Shared>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match policy {
            Some(policy) => {
                if kept.len() >= CAPACITY && !kept.contains_key(tenant) {
                    kept.clear();
                }
                kept.insert(tenant.to_owned(), Arc::clone(policy));
            }
            None => {
                kept.remove(tenant);
            }
        }
    }
}

//! Everything an account has, as plain data. Public, so that a test can break things by hand.

use std::collections::BTreeMap;

use super::api_gateway::{ApiKey, Domain, Foreign, RestApi, UsagePlan};
use super::dynamodb::Table;
use super::iam::Role;
use super::lambda::Function;
use super::logs::LogGroup;

/// Characters of an id.
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Characters in an id.
pub(crate) const ID_LENGTH: usize = 10;
/// 36 to the power of [`ID_LENGTH`].
const IDS: u128 = 36u128.pow(10);
/// Has no factor in common with [`IDS`], so that every counter gives another id, in no visible order.
const SPREAD: u128 = 2_654_435_761_000_003;

/// One account.
#[derive(Debug, Clone, Default)]
pub struct AccountState {
    /// Regions that were ever touched.
    pub regions: BTreeMap<String, RegionState>,
    /// IAM roles by name; they belong to no Region.
    pub roles: BTreeMap<String, Role>,
    /// Ids given out.
    ids: u64,
}

/// What a Region has.
#[derive(Debug, Clone, Default)]
pub struct RegionState {
    /// REST APIs by id.
    pub rest_apis: BTreeMap<String, RestApi>,
    /// Usage plans by id.
    pub usage_plans: BTreeMap<String, UsagePlan>,
    /// API keys by id.
    pub api_keys: BTreeMap<String, ApiKey>,
    /// Custom domain names.
    pub domains: BTreeMap<String, Domain>,
    /// Custom domain names of other accounts: no look shows them.
    pub foreign_domains: Foreign,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Role API Gateway writes logs with, a setting of the account that nobody has made at first.
    pub log_role: Option<String>,
    /// Log groups by name.
    pub log_groups: BTreeMap<String, LogGroup>,
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
}

impl AccountState {
    /// A Region.
    pub fn region(&mut self, name: &str) -> &mut RegionState {
        if !self.regions.contains_key(name) {
            self.regions.insert(name.to_owned(), RegionState::default());
        }
        self.regions.entry(name.to_owned()).or_default()
    }

    /// The id of a new object: ten letters and digits, as API Gateway gives.
    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        let mut rest = u128::from(self.ids) * SPREAD % IDS;
        let mut id = [b'0'; ID_LENGTH];
        for character in &mut id {
            *character = usize::try_from(rest % 36).map_or(b'0', |digit| ALPHABET[digit]);
            rest /= 36;
        }
        String::from_utf8_lossy(&id).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat() {
        let mut state = AccountState::default();
        let ids: BTreeSet<_> = (0..20_000).map(|_| state.new_id()).collect();
        assert_eq!(ids.len(), 20_000);
    }
}

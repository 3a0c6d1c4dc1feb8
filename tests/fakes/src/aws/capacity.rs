//! Service Quotas, and the counts of an account: the same calls as the adapter's.

use aigw_cloud::{Capacity, CloudError};
use aigw_plan::gateway::capacity::{AccountQuotas, AccountUse};
use async_trait::async_trait;

use super::api_gateway::{list_api_keys, list_rest_apis};
use super::behaviour::AccountLimits;
use super::client::Port;
use super::server::Context;
use super::state::AccountState;

/// Quotas and counts.
pub(crate) struct CapacityPort {
    pub api_gateway: Port,
    pub others: Port,
}

#[async_trait]
impl Capacity for CapacityPort {
    async fn quotas(&self) -> Result<AccountQuotas, CloudError> {
        let tell = |_: &mut AccountState, context: &Context<'_>| {
            let AccountLimits { usage_plans, api_keys, rest_apis, .. } = context.behaviour.limits;
            Ok(AccountQuotas { usage_plans, api_keys, regional_apis: rest_apis, private_apis: rest_apis })
        };
        self.others.call("servicequotas:ListServiceQuotas", "apigateway", tell).await
    }

    async fn used(&self) -> Result<AccountUse, CloudError> {
        let (mut types, mut position) = (Vec::<String>::new(), None::<String>);
        loop {
            let from = position.take();
            let page =
                |state: &mut AccountState, context: &Context<'_>| Ok(list_rest_apis(state, context, from.as_deref()));
            let (items, next) = self.api_gateway.call("apigateway:GetRestApis", "", page).await?;
            types.extend(items.into_iter().map(|api| api.endpoint_type));
            position = next;
            if position.is_none() {
                break;
            }
        }
        let mut api_keys = 0;
        loop {
            let from = position.take();
            let page = |state: &mut AccountState, context: &Context<'_>| {
                Ok(list_api_keys(state, context, "", from.as_deref()))
            };
            let (items, next) = self.api_gateway.call("apigateway:GetApiKeys", "", page).await?;
            api_keys += items.len();
            position = next;
            if position.is_none() {
                break;
            }
        }
        let count = |endpoint_type: &str| types.iter().filter(|api| *api == endpoint_type).count();
        Ok(AccountUse { api_keys, regional_apis: count("REGIONAL"), private_apis: count("PRIVATE") })
    }
}

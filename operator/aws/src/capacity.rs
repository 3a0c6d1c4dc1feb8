//! What the account can hold, by Service Quotas, and holds, by API Gateway's lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use aigw_cloud::{Capacity, CloudError};
use aigw_plan::Class;
use aigw_plan::gateway::capacity::{AccountQuotas, AccountUse};
use async_trait::async_trait;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType};

use crate::api_keys::PAGE;
use crate::pages;
use crate::service::Service;

/// API Gateway, to Service Quotas.
const SERVICE: &str = "apigateway";
/// Codes of the quotas. The first stands in the API Gateway Developer Guide, in the table of REST API quotas, as the link
/// that asks for more; the others, which cannot be raised, are what ListServiceQuotas names.
const USAGE_PLANS: &str = "L-E8693075";
const API_KEYS: &str = "L-1D180A63";
const REGIONAL_APIS: &str = "L-AA0FF27B";
const PRIVATE_APIS: &str = "L-A966AB5C";
/// How many there are. With one that is not told, nothing may be refused by any.
const CODES: usize = 4;

/// Over both SDKs.
pub struct AccountCapacity {
    pub gateway: Arc<Service<Client>>,
    pub quotas: Service<aws_sdk_servicequotas::Client>,
}

impl AccountCapacity {
    async fn api_keys(&self) -> Result<usize, CloudError> {
        let mut count = 0;
        let ask = |position| {
            self.gateway.call("apigateway:GetApiKeys", move |gateway| {
                gateway.get_api_keys().include_values(false).limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            count += page.items.unwrap_or_default().len();
            page.position
        })
        .await?;
        Ok(count)
    }

    /// Regional and Private REST APIs.
    async fn rest_apis(&self) -> Result<(usize, usize), CloudError> {
        let (mut regional, mut private) = (0, 0);
        let ask = |position| {
            self.gateway.call("apigateway:GetRestApis", move |gateway| {
                gateway.get_rest_apis().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            for api in page.items.unwrap_or_default() {
                let is = |kind| has_type(api.endpoint_configuration.as_ref(), &kind);
                regional += usize::from(is(EndpointType::Regional));
                private += usize::from(is(EndpointType::Private));
            }
            page.position
        })
        .await?;
        Ok((regional, private))
    }
}

fn has_type(endpoint: Option<&EndpointConfiguration>, kind: &EndpointType) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.types().contains(kind))
}

#[async_trait]
impl Capacity for AccountCapacity {
    async fn quotas(&self) -> Result<AccountQuotas, CloudError> {
        const OPERATION: &str = "servicequotas:ListServiceQuotas";
        let (mut quotas, mut told) = (AccountQuotas::default(), BTreeSet::new());
        let ask = |token| {
            self.quotas.call(OPERATION, move |quotas| {
                quotas.list_service_quotas().service_code(SERVICE).set_next_token(token).send()
            })
        };
        pages::each(ask, |page| {
            for quota in page.quotas.unwrap_or_default() {
                let (Some(code), Some(value)) = (quota.quota_code(), quota.value.and_then(whole)) else { continue };
                match code {
                    USAGE_PLANS => quotas.usage_plans = value,
                    API_KEYS => quotas.api_keys = value,
                    REGIONAL_APIS => quotas.regional_apis = value,
                    PRIVATE_APIS => quotas.private_apis = value,
                    _ => continue,
                }
                told.insert(code.to_owned());
            }
            page.next_token
        })
        .await?;
        if told.len() < CODES {
            let message = "not every quota of API Gateway is in the list";
            return Err(CloudError::new(OPERATION, Class::Invalid, "QuotaNotListed", message));
        }
        Ok(quotas)
    }

    async fn used(&self) -> Result<AccountUse, CloudError> {
        let ((regional_apis, private_apis), api_keys) = tokio::try_join!(self.rest_apis(), self.api_keys())?;
        Ok(AccountUse { api_keys, regional_apis, private_apis })
    }
}

/// A quota as a count: Service Quotas gives every value as a floating-point number.
fn whole(value: f64) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range just checked")]
    (value >= 0.0 && value < f64::from(u32::MAX)).then_some(value as usize)
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;

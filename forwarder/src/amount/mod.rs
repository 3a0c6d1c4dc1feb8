//! What a call takes from its tenant's windows.
//!
//! Stand-in: every call takes nothing, and its body stays as it is.

use aigw_contract::policy::TenantPolicy;
use aigw_contract::price::PriceList;
use aigw_contract::table::GatewayConfig;
use bytes::Bytes;
use http::HeaderMap;

use crate::denial::Denial;
use crate::meter::{Metered, Shape};
use crate::rules::{Call, Subject};

/// What a call takes from the tenant's windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Tokens of all kinds.
    pub tokens: i64,
    /// Micro-USD.
    pub micro_usd: i64,
}

/// A call with its upper bound.
#[derive(Debug, Clone)]
pub struct Bounded {
    /// Body, edited where a maximum was written in or lowered.
    pub body: Bytes,
    /// Upper bound.
    pub amount: Amount,
    /// How its use is priced.
    pub pricing: Pricing,
    /// In Shadow, why the call would not have been made.
    pub shadowed: Option<Denial>,
}

/// How a call's use is priced.
#[derive(Debug, Clone, Default)]
pub struct Pricing {
    reserved: Amount,
}

/// What the bound of a call is found from.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The call.
    pub call: Call<'a>,
    /// Its API.
    pub shape: Shape,
    /// What it is about.
    pub subject: &'a Subject,
    /// Headers that Bedrock gets.
    pub headers: &'a HeaderMap,
    /// Policy of the tenant.
    pub policy: &'a TenantPolicy,
    /// Configuration of the gateway.
    pub config: &'a GatewayConfig,
    /// Prices, where there is a list.
    pub prices: Option<&'a PriceList>,
}

/// The upper bound of a call.
///
/// # Errors
/// [`Denial`] where there is none.
pub fn bound(_question: &Question<'_>, body: &Bytes) -> Result<Bounded, Denial> {
    Ok(Bounded { body: body.clone(), amount: Amount::default(), pricing: Pricing::default(), shadowed: None })
}

impl Pricing {
    /// What the call really took.
    pub fn actual(&self, _metered: &Metered) -> Amount {
        self.reserved
    }
}

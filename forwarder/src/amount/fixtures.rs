//! A tenant, its gateway and its prices, for the tests.

use aigw_contract::Family;
use aigw_contract::limits::{Budget, BudgetWindow, OutputTokens};
use http::Method;

use super::*;
use crate::meter::{Metered, Reading, Usage};
use crate::rules;

pub(super) const CLAUDE: &str = "anthropic.claude-sonnet-4-5";

/// A tenant, its gateway and the prices.
#[derive(Clone)]
pub(super) struct World {
    pub policy: TenantPolicy,
    pub config: GatewayConfig,
    pub prices: PriceList,
    pub headers: HeaderMap,
    pub encoded: bool,
}

/// A tenant with a budget; answers are of 1,000 tokens unless asked for, and of 4,000 at most.
pub(super) fn world() -> World {
    let policy = TenantPolicy {
        namespace: "team-a".into(),
        name: "chat".into(),
        budgets: vec![Budget { window: BudgetWindow::Month, micro_usd: 1 }],
        models: Some(serde_json::from_str(r#"{"rule":"default","granted":["*"]}"#).unwrap()),
        ..TenantPolicy::default()
    };
    let config = r#"{"restApiId":"r","stages":[],"families":[],"region":"eu-central-1","accountId":"111122223333"}"#;
    let prices = PriceList { revision: "1".into(), models: vec![claude(), entry("*", 1_000_000, 2_000_000)] };
    let mut world = World {
        policy,
        config: serde_json::from_str(config).unwrap(),
        prices,
        headers: HeaderMap::new(),
        encoded: false,
    };
    world.policy.limits.max_output_tokens = OutputTokens { default: Some(1000), max: Some(4000) };
    world
}

pub(super) fn entry(pattern: &str, input: i64, output: i64) -> ModelPrice {
    ModelPrice { pattern: pattern.into(), input: Some(input), output: Some(output), ..ModelPrice::default() }
}

pub(super) fn claude() -> ModelPrice {
    ModelPrice {
        cache_read: Some(300_000),
        cache_write: Some(3_750_000),
        cache_write_1h: Some(6_000_000),
        priority_percent: Some(175),
        context_tokens: Some(200_000),
        max_output_tokens: Some(64_000),
        ..entry("anthropic.claude-*", 3_000_000, 15_000_000)
    }
}

impl World {
    pub fn ask(&self, family: Family, path: &str, body: &str) -> Result<Bounded, Denial> {
        let operation = rules::identify(family, &Method::POST, path, &self.headers)?;
        let body = Bytes::copy_from_slice(body.as_bytes());
        let call = Call { family, operation, path, query: "", body: &body, encoded: self.encoded };
        let shape = Shape::of(family, operation, &Method::POST, path);
        let question = Question {
            call,
            shape,
            subject: &Subject::default(),
            headers: &self.headers,
            policy: &self.policy,
            config: &self.config,
            prices: Some(&self.prices),
        };
        bound(&question, &body)
    }

    pub fn runtime(&self, path: &str, body: &str) -> Result<Bounded, Denial> {
        self.ask(Family::BedrockRuntime, path, body)
    }

    pub fn converse(&self, body: &str) -> Result<Bounded, Denial> {
        self.runtime(&format!("/model/eu.{CLAUDE}/converse"), body)
    }

    pub fn invoke(&self, model: &str, body: &str) -> Result<Bounded, Denial> {
        self.runtime(&format!("/model/{}/invoke", model.replace('/', "%2F")), body)
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }
}

pub(super) fn text(bounded: &Bounded) -> &str {
    std::str::from_utf8(&bounded.body).unwrap()
}

/// Status and message.
pub(super) fn refused(result: Result<Bounded, Denial>) -> (u16, String) {
    let denial = result.unwrap_err();
    (denial.status.as_u16(), denial.message.into_owned())
}

pub(super) fn metered(reading: Reading, usage: Usage) -> Metered {
    Metered { usage, reading, exception: None }
}

//! What a call may cost at most, before it is made, and what it did cost, after.
//!
//! [`bound`] reads the request of a tenant that has a limit: how long answers may be ([`output`], by the names of
//! [`family`]), how much input there is ([`content`]), at which prices ([`price`], [`premium`]). It writes a maximum into
//! the request, or lowers the one there is, and leaves every other byte as it was ([`object`]). What comes of it goes to the
//! ledger as an [`Amount`]; [`Pricing`] remembers how to turn the usage into the real one. For which requests the bound
//! is exact is listed in docs/limits.md. Pure: no I/O, no clock. Integers only.

mod content;
mod family;
pub(crate) mod object;
mod output;
mod premium;
mod price;
mod pricing;
mod request;

use std::borrow::Cow;

use aigw_contract::limits::{Enforcement, Premium};
use aigw_contract::model::ModelId;
use aigw_contract::operations::Class;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::price::{ModelPrice, PriceList, UnknownPrice};
use aigw_contract::table::{GatewayConfig, Unmetered};
use bytes::Bytes;
use http::HeaderMap;

use crate::denial::{BodyProblem, Denial, shown};
use crate::meter::{self, Shape};
use crate::rules::{Call, Subject};
use content::Content;
use family::Answers;
use output::Output;
use premium::Asked;
use price::Rates;
use request::Request;

pub use pricing::Pricing;

/// Tokens that a provider's template adds to a prompt: roles, and the system message of some models (gpt-oss: about 70).
const TEMPLATE_TOKENS: i64 = 512;
/// Tokens that tools add beside their definitions: all of Anthropic's own together come to about 2,200 ("Tool use" of its
/// documentation: tool use, computer use, bash, text editor).
const TOOL_TOKENS: i64 = 4096;
/// Most tokens of one picture, with room: Anthropic's largest come to about 4,800, OpenAI's and Nova's to less.
const IMAGE_TOKENS: i64 = 8192;
/// Tokens of a usual picture.
const USUAL_IMAGE_TOKENS: i64 = 1600;

/// What a call takes from the tenant's windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Tokens of all kinds.
    pub tokens: i64,
    /// Micro-USD; zero for a tenant without a budget.
    pub micro_usd: i64,
}

/// A call with its upper bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    /// Body, edited where a maximum was written in or lowered.
    pub body: Bytes,
    /// Upper bound.
    pub amount: Amount,
    /// How its use is priced.
    pub pricing: Pricing,
    /// In Shadow, why the call would not have been made: its bound is not known then, and its body untouched.
    pub shadowed: Option<Denial>,
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
/// [`Denial`] where a limit of the tenant needs one and there is none, or where the tenant may not pay the price asked for.
/// None in Shadow.
pub fn bound(question: &Question<'_>, body: &Bytes) -> Result<Bounded, Denial> {
    let bounded = enforced(question, body);
    if question.policy.enforcement == Enforcement::Enforce {
        return bounded;
    }
    Ok(match bounded {
        Ok(bounded) => Bounded { body: body.clone(), ..bounded },
        Err(denial) => {
            let amount = Amount { tokens: usual_tokens(length(body)), micro_usd: 0 };
            Bounded { shadowed: Some(denial), ..unchanged(body, Pricing::unpriced(amount)) }
        }
    })
}

/// Whether a limit of the tenant needs to know what a call may cost.
pub fn is_bounded(policy: &TenantPolicy) -> bool {
    Needs::of(policy).any()
}

/// Which of a tenant's limits need to know a call.
#[derive(Debug, Clone, Copy)]
struct Needs {
    money: bool,
    tokens: bool,
    length: bool,
}

impl Needs {
    fn of(policy: &TenantPolicy) -> Self {
        Self {
            money: !policy.budgets.is_empty(),
            tokens: policy.limits.tokens_per_minute.is_some(),
            length: !policy.limits.max_output_tokens.is_unlimited(),
        }
    }

    fn any(self) -> bool {
        self.money || self.tokens || self.length
    }
}

fn enforced(question: &Question<'_>, body: &Bytes) -> Result<Bounded, Denial> {
    let needs = Needs::of(question.policy);
    let reports = matches!(
        question.shape,
        Shape::Converse | Shape::Invoke | Shape::ChatCompletions | Shape::Responses | Shape::Messages
    );
    match question.call.operation.map(|operation| operation.class) {
        _ if !needs.any() => {
            let tokens = if question.shape == Shape::Free { 0 } else { usual_tokens(length(body)) };
            Ok(unchanged(body, Pricing::unpriced(Amount { tokens, micro_usd: 0 })))
        }
        Some(Class::Inference(_)) => inference(question, needs, body),
        // The path ends as an operation's whose bound would be known.
        None if reports => Err(Denial::invalid(
            "the path is not that of an operation; encode slashes within a model id as %2F, as the SDKs do",
        )),
        Some(_) if question.shape == Shape::Free => Ok(unchanged(body, Pricing::free())),
        Some(_) | None => unmetered(question, needs, body),
    }
}

/// A call that calls a model and reports what it used.
fn inference(question: &Question<'_>, needs: Needs, body: &Bytes) -> Result<Bounded, Denial> {
    let denial = |problem: BodyProblem| problem.denial(question.operation());
    let id = question.model();
    let model = ModelId::read(&id, question.config.place());
    let answers = if question.shape == Shape::Invoke { Answers::of(model) } else { Answers::Text(&[]) };
    if answers == Answers::Other && needs.money {
        return unmetered(question, needs, body);
    }
    if question.call.encoded {
        return Err(Denial::invalid(format!(
            "tenant {} has limits that need to read the body of {}; send it without content-encoding",
            question.policy.tenant(),
            question.operation()
        )));
    }
    let mut request = Request::read(body).map_err(denial)?;
    if question.shape == Shape::Converse {
        request = request.with_further_fields().map_err(denial)?;
    }
    let entry = question.prices.zip(model).and_then(|(list, model)| price::find(list, model));
    let known = entry.and_then(|entry| entry.max_output_tokens).filter(|most| *most > 0);
    let stored = family::is_prompt(model);
    let Output { tokens: output, edits } = match answers {
        Answers::Embedding | Answers::Other => Output::default(),
        Answers::Text(_) | Answers::Unknown if stored => output::stored(question, known)?,
        Answers::Text(_) | Answers::Unknown => output::settle(question, answers, &request, known)?,
    };
    let measured = if needs.money || needs.tokens { content::read(body).map_err(denial)? } else { Content::default() };
    if answers == Answers::Embedding && needs.money && (measured.images > 0 || measured.boundless) {
        return unmetered(question, needs, body);
    }
    let prompt = Prompt { content: measured, bytes: length(body), stored, entry };
    let tokens = prompt.usual_tokens().saturating_add(output);
    let pricing = if needs.money {
        let rates = rates(question, &request, &prompt, answers)?;
        let cached = prompt.content.cached || stored || family::caches_unasked(model);
        let micro_usd = rates.most(prompt.most_tokens(question)?, output, cached);
        Pricing::by_tokens(Amount { tokens, micro_usd }, rates)
    } else {
        Pricing::unpriced(Amount { tokens, micro_usd: 0 })
    };
    let body = if edits.is_empty() { body.clone() } else { object::edited(body, edits).into() };
    Ok(Bounded { body, amount: pricing.reserved(), pricing, shadowed: None })
}

/// A call that reports nothing, or too little.
fn unmetered(question: &Question<'_>, needs: Needs, body: &Bytes) -> Result<Bounded, Denial> {
    let tokens = usual_tokens(length(body));
    let micro_usd = match question.config.unmetered {
        _ if !needs.money => 0,
        Unmetered::Deny => {
            return Err(Denial::forbidden(format!(
                "{} does not report what it used, and tenant {} has a budget; the platform team can let such calls pass \
                 with spec.bedrock.unmetered of the AIGateway (policy: Charge or Allow)",
                question.operation(),
                question.policy.tenant()
            )));
        }
        Unmetered::Charge => question.config.unmetered_micro_usd.max(0),
        Unmetered::Allow => 0,
    };
    Ok(unchanged(body, Pricing::by_call(Amount { tokens, micro_usd })))
}

/// Prices of the call, with every premium it asks for.
fn rates(
    question: &Question<'_>,
    request: &Request<'_>,
    prompt: &Prompt<'_>,
    answers: Answers,
) -> Result<Rates, Denial> {
    let model = question.model();
    let asked = Asked::read(question, request, &prompt.content)?;
    asked.check(question.policy, &model)?;
    let listed = prompt.entry.and_then(|entry| Rates::of(entry, answers != Answers::Embedding));
    let highest = || match question.config.unknown_price {
        UnknownPrice::Deny => None,
        UnknownPrice::ChargeMaximum => Rates::highest(question.prices?),
    };
    let rates = listed.or_else(highest).ok_or_else(|| premium::unknown(question, ""))?;
    // By what it likely is: by its most, a text a quarter as long would be refused. Reserved it is at the higher price.
    if rates.bracket().is_some_and(|bracket| prompt.usual_tokens() > bracket) {
        premium::require(question.policy, Premium::LongContext, &model)?;
    }
    asked.raise(rates, prompt.entry, question)
}

/// The input of a call, measured.
struct Prompt<'a> {
    content: Content,
    bytes: i64,
    /// Whether it is stored at Bedrock, and the body has its variables only.
    stored: bool,
    entry: Option<&'a ModelPrice>,
}

impl Prompt<'_> {
    /// The most tokens a model takes.
    fn context(&self) -> Option<i64> {
        self.entry.and_then(|entry| entry.context_tokens).filter(|tokens| *tokens > 0)
    }

    /// Tokens it likely has, for limits of speed.
    fn usual_tokens(&self) -> i64 {
        let Content { images, media_bytes, .. } = self.content;
        // Where there are pictures only, their number tells more than their size.
        let media = if images > 0 && !self.content.boundless { media_bytes } else { 0 };
        let text = usual_tokens(self.bytes.saturating_sub(media).max(0));
        text.saturating_add(images.saturating_mul(USUAL_IMAGE_TOKENS)).min(self.context().unwrap_or(i64::MAX))
    }

    /// Tokens it can have, for limits of money: a token of text is at least a byte, and the JSON around a message is longer
    /// than its marks.
    fn most_tokens(&self, question: &Question<'_>) -> Result<i64, Denial> {
        if self.content.boundless || self.stored {
            return self.context().ok_or_else(|| boundless(question));
        }
        let tools = if self.content.tools { TOOL_TOKENS } else { 0 };
        let images = self.content.images.saturating_mul(IMAGE_TOKENS);
        let all = [tools, images, TEMPLATE_TOKENS].into_iter().fold(self.bytes, i64::saturating_add);
        Ok(all.min(self.context().unwrap_or(i64::MAX)))
    }
}

fn boundless(question: &Question<'_>) -> Denial {
    Denial::invalid(format!(
        "the request has input whose tokens cannot be bounded by its size (a document, video or sound, a source that is \
         not in the request, a stored prompt or conversation, a tool that Bedrock runs), tenant {} has a budget, and how \
         much model {} takes at most is not known; the platform team can give its contextTokens in spec.models.prices of \
         the AIGateway",
        question.policy.tenant(),
        shown(&question.model())
    ))
}

impl<'a> Question<'a> {
    /// The model that is called, decoded; empty where there is none.
    fn model(&self) -> Cow<'a, str> {
        let judged = self.subject.model.as_deref().map(Cow::Borrowed);
        judged.or_else(|| meter::model(self.shape, self.call.path, self.call.body)).unwrap_or_default()
    }

    fn operation(&self) -> &'static str {
        self.call.operation.map_or("this operation", |operation| operation.name)
    }
}

fn unchanged(body: &Bytes, pricing: Pricing) -> Bounded {
    Bounded { body: body.clone(), amount: pricing.reserved(), pricing, shadowed: None }
}

/// Tokens of a text of so many bytes, as they usually come: one in three and a half, rounded up.
fn usual_tokens(bytes: i64) -> i64 {
    bytes.saturating_mul(2).saturating_add(6) / 7
}

fn length(body: &Bytes) -> i64 {
    i64::try_from(body.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

//! The terms in which the table speaks of operations.

use serde::{Deserialize, Serialize};

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `DELETE`.
    Delete,
    /// `GET`.
    Get,
    /// `PATCH`.
    Patch,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

impl Verb {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What an operation is to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Calls a model and reports tokens.
    Inference(Shape),
    /// Costs nothing and touches nothing that tenants share.
    Free,
    /// Costs money per call and reports no tokens.
    FixedPrice,
    /// Touches what all tenants of the gateway share, so needs a grant.
    Stateful(Access),
    /// Never passes, whoever asks.
    Forbidden(Prohibition),
}

impl Class {
    /// What a grant of the resources it names has to be for. The forwarder judges calls by it, and the operator derives
    /// the forwarder's role from it.
    pub const fn access(self) -> Access {
        match self {
            Self::Stateful(access) => access,
            Self::Inference(_) | Self::Free | Self::FixedPrice | Self::Forbidden(_) => Access::Use,
        }
    }
}

/// The API whose requests and usage reports an inference operation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Converse and ConverseStream.
    Converse,
    /// InvokeModel and its stream: the body is the model's own.
    InvokeModel,
    /// OpenAI Chat Completions.
    ChatCompletions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

/// What a grant of a resource is for. Ordered: who may manage may also use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Call, read and list.
    #[default]
    Use,
    /// Also create, change and delete.
    Manage,
}

/// Why an operation never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prohibition {
    /// Needs a two-way HTTP/2 stream, which a REST API does not offer.
    TwoWayStream,
    /// Governs the whole AWS account: logging, retention, agreements, resource policies.
    AccountSetting,
    /// Commits the account to pay for hours or months.
    Commitment,
    /// Hands out or changes credentials held for users of the account.
    Credentials,
}

/// Where a request holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// A segment of the path, counted from 0.
    Segment(u8),
    /// A member of the JSON body: names joined by dots, `[]` after a list.
    Body(&'static str),
    /// A query parameter.
    Query(&'static str),
}

/// A resource that an operation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// End of its ARN, with `{}` for each value in [`Self::at`], for example `agent-alias/{}/{}`. Ends in `/*` where the
    /// operation is about all resources of the type; is `*{}` where the value is a whole ARN of any type.
    pub template: &'static str,
    /// Where the values are.
    pub at: &'static [Site],
    /// Whether a request without the values is incomplete.
    pub required: bool,
}

impl Resource {
    /// Type of the resource: the ARN's end up to its first slash, `*` for any.
    pub fn kind(&self) -> &'static str {
        self.template.split('/').next().filter(|kind| !kind.starts_with('*')).unwrap_or("*")
    }

    /// Type of AWS's own resources of that kind, which are of the account `aws`; `None` where AWS has none. Browsers and
    /// code interpreters: of the type without `-custom`.
    pub fn managed_kind(&self) -> Option<&'static str> {
        self.kind().strip_suffix("-custom")
    }

    pub(super) const fn required(template: &'static str, at: &'static [Site]) -> Self {
        Self { template, at, required: true }
    }

    pub(super) const fn optional(template: &'static str, at: &'static [Site]) -> Self {
        Self { template, at, required: false }
    }
}

/// The end of an ARN, which a resource's template is about: what follows the account.
pub fn resource_of(arn: &str) -> Option<&str> {
    arn.splitn(6, ':').nth(5)
}

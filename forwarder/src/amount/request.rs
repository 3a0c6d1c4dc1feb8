//! The members of a request that say how long answers may be, how many there are, and what they cost beside the usual.

use std::ops::Range;

use super::BodyProblem;
use super::family::{COUNTS, LENGTHS, Path};
use super::object::{Edit, Object, ends};

const SERVICE_TIER: &str = "serviceTier";
const SERVICE_TIER_OF_OPENAI: &str = "service_tier";
const PERFORMANCE: &str = "performanceConfig";
const FURTHER: &str = "additionalModelRequestFields";
const PROMPT: &str = "prompt";
const MODEL: &str = "model";
const PREDICTION: &str = "prediction";

/// Every member of the outermost object that is looked at, whatever the API.
const NAMES: &[&str] = &[
    "max_tokens",
    "max_tokens_to_sample",
    "max_completion_tokens",
    "max_new_tokens",
    "max_output_tokens",
    "max_gen_len",
    "maxTokens",
    "maxTokenCount",
    "maxOutputTokens",
    "inferenceConfig",
    "textGenerationConfig",
    "n",
    "num_generations",
    "numResults",
    "best_of",
    SERVICE_TIER,
    SERVICE_TIER_OF_OPENAI,
    PERFORMANCE,
    FURTHER,
    PROMPT,
    MODEL,
    PREDICTION,
];
/// Objects in it that are looked into.
const CONTAINERS: &[&str] = &["inferenceConfig", "textGenerationConfig"];
/// What is looked at there.
const CONTAINED: &[&str] = &["maxTokens", "max_new_tokens", "max_tokens", "maxTokenCount"];

/// A request body, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Request<'a> {
    text: &'a [u8],
    members: Object,
    contained: Vec<(&'static str, Object)>,
    /// Fields that Converse passes on to the model.
    further: Option<Box<Request<'a>>>,
}

impl<'a> Request<'a> {
    /// Reads a whole body.
    pub fn read(text: &'a [u8]) -> Result<Self, BodyProblem> {
        let (request, end) = Self::at(text, 0)?;
        if ends(text, end) { Ok(request) } else { Err(BodyProblem::Malformed) }
    }

    fn at(text: &'a [u8], at: usize) -> Result<(Self, usize), BodyProblem> {
        let (members, end) = Object::read(text, at, NAMES)?;
        let mut request = Self { text, members, contained: Vec::new(), further: None };
        for name in CONTAINERS {
            if let Some(value) = request.object(&request.members, name)? {
                request.contained.push((name, Object::read(text, value.start, CONTAINED)?.0));
            }
        }
        Ok((request, end))
    }

    /// Reads what Converse passes on to the model as well.
    pub fn with_further_fields(mut self) -> Result<Self, BodyProblem> {
        if let Some(value) = self.object(&self.members, FURTHER)? {
            self.further = Some(Box::new(Self::at(self.text, value.start)?.0));
        }
        Ok(self)
    }

    /// The number at a path; `None` where there is none, or `null`.
    pub fn number(&self, path: Path) -> Result<Option<i64>, BodyProblem> {
        let Some(value) = self.place(path) else { return Ok(None) };
        let name = path.last().copied().unwrap_or_default();
        // A fraction, an exponent, a text that looks like a number: what these come to is up to their reader.
        let number: Option<i64> = serde_json::from_slice(&self.text[value]).map_err(|_| BodyProblem::Number(name))?;
        if number.is_some_and(|number| number < 1) { Err(BodyProblem::Number(name)) } else { Ok(number) }
    }

    /// The edit after which there is this number at a path.
    pub fn set(&self, path: Path, number: i64) -> Option<Edit> {
        let number = number.to_string();
        if let Some(at) = self.place(path) {
            return Some(Edit { at, with: number });
        }
        match *path {
            [name] => Some(self.members.insert(name, &number)),
            [container, name] => {
                if let Some(object) = self.contained(container) {
                    return Some(object.insert(name, &number));
                }
                let object = format!("{{\"{name}\":{number}}}");
                Some(match self.members.get(container) {
                    // `null`.
                    Some(at) => Edit { at, with: object },
                    None => self.members.insert(container, &object),
                })
            }
            _ => None,
        }
    }

    /// How many answers are asked for.
    pub fn count(&self) -> Result<i64, BodyProblem> {
        COUNTS.iter().try_fold(1, |most: i64, path| Ok(self.number(path)?.unwrap_or(1).max(most)))
    }

    /// The name of a length or number of answers among the fields that Converse passes on.
    pub fn further_length(&self) -> Option<&'static str> {
        let further = self.further.as_deref()?;
        let found = LENGTHS.iter().chain(COUNTS).find(|path| further.place(path).is_some())?;
        found.last().copied()
    }

    /// Whether the body foretells a part of the answer, as OpenAI's predicted outputs do; also among the fields that
    /// Converse passes on.
    pub fn has_prediction(&self) -> bool {
        let foretold = self.members.get(PREDICTION).is_some_and(|value| self.text.get(value.start) != Some(&b'n'));
        foretold || self.further.as_deref().is_some_and(Request::has_prediction)
    }

    /// Whether the body has a bare prompt, as the text completions before Anthropic's Messages.
    pub fn has_prompt(&self) -> bool {
        self.members.get(PROMPT).is_some()
    }

    /// Every service tier the body names.
    pub fn service_tiers(&self) -> Result<Vec<String>, BodyProblem> {
        let mut tiers: Vec<String> = self.text_in(SERVICE_TIER, "type")?.into_iter().collect();
        tiers.extend(self.text_at(&self.members, SERVICE_TIER_OF_OPENAI)?);
        if let Some(further) = &self.further {
            tiers.extend(further.service_tiers()?);
        }
        Ok(tiers)
    }

    /// Every latency mode the body names.
    pub fn latencies(&self) -> Result<Vec<String>, BodyProblem> {
        let mut latencies: Vec<String> = self.text_in(PERFORMANCE, "latency")?.into_iter().collect();
        if let Some(further) = &self.further {
            latencies.extend(further.latencies()?);
        }
        Ok(latencies)
    }

    fn place(&self, path: Path) -> Option<Range<usize>> {
        match *path {
            [name] => self.members.get(name),
            [container, name] => self.contained(container)?.get(name),
            _ => None,
        }
    }

    fn contained(&self, container: &str) -> Option<&Object> {
        self.contained.iter().find(|(name, _)| *name == container).map(|(_, object)| object)
    }

    fn text_in(&self, container: &'static str, name: &'static str) -> Result<Option<String>, BodyProblem> {
        let Some(value) = self.object(&self.members, container)? else { return Ok(None) };
        self.text_at(&Object::read(self.text, value.start, &[name])?.0, name)
    }

    fn text_at(&self, object: &Object, name: &'static str) -> Result<Option<String>, BodyProblem> {
        let Some(value) = object.get(name) else { return Ok(None) };
        serde_json::from_slice(&self.text[value]).map_err(|_| BodyProblem::Type(name))
    }

    /// Where the value of a member is that is an object; nowhere if it is `null`.
    fn object(&self, of: &Object, name: &'static str) -> Result<Option<Range<usize>>, BodyProblem> {
        let Some(value) = of.get(name) else { return Ok(None) };
        match self.text.get(value.start) {
            Some(b'{') => Ok(Some(value)),
            Some(b'n') => Ok(None),
            _ => Err(BodyProblem::Type(name)),
        }
    }
}

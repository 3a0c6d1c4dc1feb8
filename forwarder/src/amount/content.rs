//! What in a body makes its length a wrong measure of its tokens: media, sources elsewhere, cache points.
//!
//! The whole document is walked once and nothing of it kept. Every finding only raises a bound, so a name that comes twice
//! or in a place where it means nothing costs a higher reservation and never a lower one.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::BodyProblem;
use super::object::Name;

/// Members of the outermost object by which there is more input than the body has.
const OUTERMOST: &[&str] = &["previous_response_id", "conversation", "web_search_options", "mcp_servers", "container"];

/// What was found in a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// Pictures.
    pub images: i64,
    /// Bytes of the text that are an encoded picture, document, film or sound.
    pub media_bytes: i64,
    /// Something whose tokens nothing in the request bounds: a document, which may have many pages to a kilobyte, film,
    /// sound, a source in S3 or at a URL, an earlier conversation, a tool that Bedrock itself runs.
    pub boundless: bool,
    /// Tools, for which providers add a prompt of their own.
    pub tools: bool,
    /// Cache points.
    pub cached: bool,
    /// Cache points of more than five minutes.
    pub hour: bool,
}

/// Walks a body.
pub(super) fn read(body: &[u8]) -> Result<Content, BodyProblem> {
    let mut content = Content::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let walk = Walk { content: &mut content, place: Place::Elsewhere, depth: 0 };
    walk.deserialize(&mut deserializer).and_then(|_| deserializer.end()).map_err(|_| BodyProblem::Malformed)?;
    Ok(content)
}

/// Where a value stands, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Elsewhere,
    /// The value of `type`.
    Type,
    /// The value of a name that holds encoded media.
    Media,
    /// In a cache point.
    Cache,
    /// The value of `ttl` in a cache point.
    Lifetime,
    /// In what a client's own tools take and give: JSON that means nothing to Bedrock.
    Tool,
}

/// What a member that holds this value needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    /// An object with a `source`: a block of Converse or Nova.
    Sourced,
    List(i64),
    Other,
}

struct Walk<'a> {
    content: &'a mut Content,
    place: Place,
    /// Open containers.
    depth: usize,
}

impl Walk<'_> {
    /// Where the value of this member stands.
    fn below(&self, name: &str) -> Place {
        match (self.place, name) {
            (Place::Tool, _) => Place::Tool,
            // Outermost, they are Responses' input, or a model's of its own.
            (_, "input" | "inputSchema" | "input_schema" | "parameters" | "json") if self.depth > 0 => Place::Tool,
            (Place::Cache, "ttl") => Place::Lifetime,
            (_, "cachePoint" | "cache_control") | (Place::Cache, _) => Place::Cache,
            (_, "type") => Place::Type,
            (_, "bytes" | "data" | "inputImage") => Place::Media,
            _ => Place::Elsewhere,
        }
    }

    /// Takes note of a member.
    fn member(&mut self, name: &str, kind: Kind) {
        if kind == Kind::Null || self.place == Place::Tool {
            return;
        }
        let content = &mut *self.content;
        match (name, kind) {
            ("image", Kind::Sourced) | ("image_url" | "inputImage", _) => content.image(1),
            ("images", Kind::List(length)) => content.image(length),
            ("document" | "video" | "audio", Kind::Sourced)
            | ("s3Location" | "file_id" | "file_url" | "mediaSource" | "systemTool", _) => content.boundless = true,
            ("tools" | "toolConfig", _) => content.tools = true,
            ("cachePoint" | "cache_control", _) => content.cached = true,
            _ if self.depth == 0 && OUTERMOST.contains(&name) => content.boundless = true,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        match self.place {
            Place::Tool => {}
            // Whatever is not the usual time may cost more.
            Place::Lifetime if text != "5m" => self.content.hour = true,
            Place::Media => self.content.media(text),
            Place::Type => self.content.typed(text),
            _ if text.starts_with("data:") => self.content.media(text),
            _ => {}
        }
    }
}

impl Content {
    fn image(&mut self, count: i64) {
        self.images = self.images.saturating_add(count);
    }

    fn media(&mut self, text: &str) {
        self.media_bytes = self.media_bytes.saturating_add(i64::try_from(text.len()).unwrap_or(i64::MAX));
    }

    /// Blocks that say what they are by their `type`: Anthropic's, OpenAI's.
    fn typed(&mut self, text: &str) {
        match text {
            "image" | "input_image" => self.image(1),
            "document" | "file" | "input_file" | "input_audio" | "audio_url" | "video_url" | "item_reference"
            | "container_upload" | "mcp" | "file_search" | "code_interpreter" | "image_generation" => {
                self.boundless = true;
            }
            // Versions follow: `web_search_20250305`.
            _ if ["web_search", "web_fetch", "code_execution"].iter().any(|tool| text.starts_with(tool)) => {
                self.boundless = true;
            }
            _ => {}
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Kind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Kind, E> {
        self.text(text);
        Ok(Kind::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Kind, A::Error> {
        let Self { content, place, depth } = self;
        let mut length: i64 = 0;
        while sequence.next_element_seed(Walk { content: &mut *content, place, depth: depth + 1 })?.is_some() {
            length = length.saturating_add(1);
        }
        Ok(Kind::List(length))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Kind, A::Error> {
        let mut kind = Kind::Other;
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            let place = self.below(&name);
            let depth = self.depth + 1;
            let below = map.next_value_seed(Walk { content: &mut *self.content, place, depth })?;
            self.member(&name, below);
            if name == "source" {
                kind = Kind::Sourced;
            }
        }
        Ok(kind)
    }
}

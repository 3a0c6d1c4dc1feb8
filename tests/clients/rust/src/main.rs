//! The AWS SDK for Rust: Converse and ConverseStream. Reports as `../python/answer.py` describes.
//!
//! The HTTP client is the SDK's own with another TLS provider, because the default one needs a C compiler and CMake.

use std::process::ExitCode;
use std::time::Instant;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, ConverseStreamOutput, Message};
use aws_smithy_http_client::{Builder, tls};

const MODEL: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const PROMPT: &str = "Explain in two sentences what an API gateway does.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let client = Client::new(&aws_config::from_env().http_client(http).load().await);
    let content = ContentBlock::Text(PROMPT.into());
    let message = Message::builder().role(ConversationRole::User).content(content).build().expect("it is complete");
    let stream = std::env::args().nth(1).as_deref() == Some("stream");
    let answer = if stream { streamed(&client, message).await } else { whole(&client, message).await };
    match answer {
        Ok((text, arrivals)) => {
            let version = aws_sdk_bedrockruntime::meta::PKG_VERSION;
            let line = serde_json::json!({
                "client": "aws-sdk-rust", "version": version, "text": text, "arrivalsMs": arrivals,
            });
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(line) => {
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}

async fn whole(client: &Client, message: Message) -> Result<(String, Vec<u128>), String> {
    let reply = client.converse().model_id(MODEL).messages(message).send().await.map_err(|error| describe(&error))?;
    let message = reply.output.ok_or("no output")?.as_message().map_err(|_| "no message")?.clone();
    Ok((message.content[0].as_text().map_err(|_| "no text")?.clone(), Vec::new()))
}

async fn streamed(client: &Client, message: Message) -> Result<(String, Vec<u128>), String> {
    let started = Instant::now();
    let request = client.converse_stream().model_id(MODEL).messages(message);
    let mut events = request.send().await.map_err(|error| describe(&error))?.stream;
    let (mut text, mut arrivals) = (String::new(), Vec::new());
    while let Some(event) = events.recv().await.map_err(|error| describe(&error))? {
        let ConverseStreamOutput::ContentBlockDelta(event) = event else { continue };
        if let Some(Ok(piece)) = event.delta().map(|delta| delta.as_text()) {
            text.push_str(piece);
            arrivals.push(started.elapsed().as_millis());
        }
    }
    Ok((text, arrivals))
}

/// Class and message of a service's error, else the whole chain of causes.
fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => format!("error: {}", DisplayErrorContext(error)),
    }
}

//! What a call used, as the forwarder's log has it and as the Bedrock stub counted it, in the same order: input with what was
//! cached, output, read from the cache, written to it.

use aigw_env::bedrock::Usage;
use serde_json::Value;

/// Of a line of the log; what is absent is `None`.
pub fn logged(line: &Value) -> [Option<u64>; 4] {
    let names = ["input_tokens", "output_tokens", "cache_read.input_tokens", "cache_creation.input_tokens"];
    names.map(|name| line.get(format!("gen_ai.usage.{name}")).and_then(Value::as_u64))
}

/// Of the stub.
pub fn counted(usage: Usage) -> [u64; 4] {
    let all = usage.input + usage.cache_read + usage.cache_write;
    [all, usage.output, usage.cache_read, usage.cache_write]
}

"""InvokeModel: the model's own request and response bodies (here Anthropic's Messages)."""

import argparse
import json

import sdk

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--model", default=sdk.DEFAULT_MODEL)
arguments.add_argument("prompt", nargs="?", default=sdk.DEFAULT_PROMPT)
given = arguments.parse_args()

body = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 256,
    "messages": [{"role": "user", "content": given.prompt}],
}
with sdk.plain_errors():
    response = sdk.bedrock_runtime().invoke_model(modelId=given.model, body=json.dumps(body))

headers = response["ResponseMetadata"]["HTTPHeaders"]
answer = json.load(response["body"])
print("".join(block.get("text", "") for block in answer["content"]))
tokens = {name: value for name, value in headers.items() if name.startswith("x-amzn-bedrock-")}
print(f"usage {answer['usage']}, headers {tokens}")

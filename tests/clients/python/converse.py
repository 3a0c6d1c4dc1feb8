"""Converse: one question, one answer."""

import argparse

import sdk

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--model", default=sdk.DEFAULT_MODEL)
arguments.add_argument("prompt", nargs="?", default=sdk.DEFAULT_PROMPT)
given = arguments.parse_args()

with sdk.plain_errors():
    response = sdk.bedrock_runtime().converse(modelId=given.model, messages=sdk.message(given.prompt))

print("".join(block.get("text", "") for block in response["output"]["message"]["content"]))
print(f"stop reason {response['stopReason']}, usage {response['usage']}")

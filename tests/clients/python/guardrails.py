#!/usr/bin/env python3
"""Tries to call with another guardrail than the platform's, once per API: what came of each, as JSON.

A tenant's own choice is a parameter of boto3's for InvokeModel and Converse; the other APIs have headers.
"""

import json
import os
import ssl
import urllib.error
import urllib.request

import botocore.exceptions
import sdk

MODEL = sdk.DEFAULT_MODEL
WEAK = {"guardrailIdentifier": "weak", "guardrailVersion": "1"}
BODY = json.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
)
SELECTED = [{"role": "user", "content": [{"guardContent": {"text": {"text": "fine"}}}, {"text": "not looked at"}]}]


def posted(path, body):
    """An API that boto3 does not have, with a guardrail of the client's own."""
    url = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] + path
    headers = {
        "authorization": "Bearer " + os.environ["AWS_BEARER_TOKEN_BEDROCK"],
        "content-type": "application/json",
        "x-amzn-bedrock-guardrailidentifier": "weak",
    }
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    try:
        with urllib.request.urlopen(request, context=context) as response:
            response.read()
            return "ok"
    except urllib.error.HTTPError as error:
        return error.headers.get("x-amzn-errortype", str(error.code))


def outcome(call):
    try:
        return call() or "ok"
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def main():
    client = sdk.bedrock_runtime_without_retries()
    message = sdk.message("hello")
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    calls = {
        "Converse": lambda: client.converse(modelId=MODEL, messages=message, guardrailConfig=WEAK) and None,
        "ConverseStream": lambda: list(
            client.converse_stream(
                modelId=MODEL, messages=message, guardrailConfig={**WEAK, "streamProcessingMode": "async"}
            )["stream"]
        )
        and None,
        "InvokeModel": lambda: client.invoke_model(modelId=MODEL, body=BODY, **WEAK)["body"].read() and None,
        "InvokeModelWithResponseStream": lambda: list(
            client.invoke_model_with_response_stream(modelId=MODEL, body=BODY, trace="ENABLED", **WEAK)["body"]
        )
        and None,
        "ChatCompletions": lambda: posted("/openai/v1/chat/completions", chat),
        "Responses": lambda: posted("/openai/v1/responses", {"model": MODEL, "input": "hello"}),
        "Messages": lambda: posted("/anthropic/v1/messages", {**chat, "max_tokens": 20}),
        "Selected": lambda: client.converse(modelId=MODEL, messages=SELECTED) and None,
    }
    print(json.dumps({name: outcome(call) for name, call in calls.items()}))


if __name__ == "__main__":
    with sdk.plain_errors():
        main()

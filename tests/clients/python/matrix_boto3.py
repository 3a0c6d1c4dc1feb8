"""boto3: Converse and ConverseStream."""

import boto3

import answer
import sdk

stream = answer.streamed()
client = sdk.bedrock_runtime()
result = answer.Answer("boto3", boto3.__version__)
with sdk.plain_errors():
    request = {"modelId": answer.MODEL, "messages": sdk.message(answer.PROMPT)}
    if stream:
        for event in client.converse_stream(**request)["stream"]:
            if "contentBlockDelta" in event:
                result.piece(event["contentBlockDelta"]["delta"].get("text", ""))
    else:
        result.whole(client.converse(**request)["output"]["message"]["content"][0]["text"])
result.print()

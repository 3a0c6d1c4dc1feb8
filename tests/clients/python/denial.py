"""One Converse call with the SDK's own retries, which ends in an error or does not: prints one line of JSON with the class
of the error, the HTTP status and how many attempts the SDK made."""

import json
import sys

import botocore.exceptions
import sdk

model, max_tokens = sys.argv[1], int(sys.argv[2])
try:
    answer = sdk.bedrock_runtime().converse(
        modelId=model, messages=sdk.message("Say hello."), inferenceConfig={"maxTokens": max_tokens}
    )
    of, name, text, response = "ok", "ok", "", answer
except botocore.exceptions.ClientError as error:
    (name, text), of, response = sdk.describe(error), type(error).__name__, error.response
metadata = response["ResponseMetadata"]
print(json.dumps({
    "class": of, "name": name, "message": text, "status": metadata["HTTPStatusCode"],
    "attempts": metadata["RetryAttempts"] + 1,
}))

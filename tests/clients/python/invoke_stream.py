"""InvokeModelWithResponseStream: prints every chunk with the time it arrived, in milliseconds since the request was sent.

The last line is a JSON summary for scripts.
"""

import argparse
import json
import time

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
client = sdk.bedrock_runtime()
arrivals, metrics = [], None
start = time.monotonic()
with sdk.plain_errors():
    response = client.invoke_model_with_response_stream(modelId=given.model, body=json.dumps(body))
    for event in response["body"]:
        milliseconds = round((time.monotonic() - start) * 1000)
        part = json.loads(event["chunk"]["bytes"])
        if part["type"] == "content_block_delta":
            arrivals.append(milliseconds)
            print(f"{milliseconds:6} ms  {part['delta'].get('text', '')!r}", flush=True)
        metrics = part.get("amazon-bedrock-invocationMetrics", metrics)

print(json.dumps({"chunks": len(arrivals), "arrivalsMs": arrivals, "metrics": metrics}))

"""ConverseStream: prints every chunk with the time it arrived, in milliseconds since the request was sent.

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

client = sdk.bedrock_runtime()
arrivals, usage, stop_reason = [], None, None
start = time.monotonic()
with sdk.plain_errors():
    response = client.converse_stream(modelId=given.model, messages=sdk.message(given.prompt))
    for event in response["stream"]:
        milliseconds = round((time.monotonic() - start) * 1000)
        if "contentBlockDelta" in event:
            arrivals.append(milliseconds)
            print(f"{milliseconds:6} ms  {event['contentBlockDelta']['delta'].get('text', '')!r}", flush=True)
        elif "messageStop" in event:
            stop_reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            usage = event["metadata"]["usage"]

print(json.dumps({"chunks": len(arrivals), "arrivalsMs": arrivals, "stopReason": stop_reason, "usage": usage}))

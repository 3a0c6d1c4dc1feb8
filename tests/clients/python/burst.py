"""Many calls at once, without retries: counts how each ended.

Prints one line per outcome with its first message; the last line is a JSON summary for scripts. Exit code 0 whatever the
outcomes are.
"""

import argparse
import collections
import concurrent.futures
import json

import sdk

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--model", default=sdk.DEFAULT_MODEL)
arguments.add_argument("--calls", type=int, default=20)
arguments.add_argument("--parallel", type=int, default=4)
arguments.add_argument("--max-tokens", type=int, help="output each call asks for at most")
given = arguments.parse_args()

client = sdk.bedrock_runtime_without_retries(given.parallel)
asked = {"inferenceConfig": {"maxTokens": given.max_tokens}} if given.max_tokens else {}


def call(_):
    try:
        client.converse(modelId=given.model, messages=sdk.message("Say hello."), **asked)
    except Exception as error:  # whatever ends a call is an outcome to count
        return sdk.describe(error)
    return "ok", ""


counts, messages = collections.Counter(), {}
with concurrent.futures.ThreadPoolExecutor(given.parallel) as pool:
    for name, text in pool.map(call, range(given.calls)):
        counts[name] += 1
        messages.setdefault(name, text)

for name, count in counts.most_common():
    print(f"{count:4} × {name}" + (f": {messages[name]}" if messages[name] else ""))
print(json.dumps({"calls": given.calls, "outcomes": dict(counts), "messages": messages}))

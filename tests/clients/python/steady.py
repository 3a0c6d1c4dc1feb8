"""One call after the other, without retries, until standard input closes or SIGTERM comes; every fourth is a stream.

Writes "running" to standard error after the first success, so that a script knows when to begin with what it wants to
disturb. Then prints a JSON summary: total, failed, the first failures, the longest call. Exit code 1 where a call failed.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time

import sdk

FAILURES_KEPT = 10

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--model", default=sdk.DEFAULT_MODEL)
arguments.add_argument("--pause", type=float, default=0.05, help="seconds between two calls")
given = arguments.parse_args()

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
# Ctrl-C reaches the whole terminal; whoever started this program decides when it ends.
signal.signal(signal.SIGINT, signal.SIG_IGN)


def wait_for_end_of_input():
    while os.read(0, 4096):
        pass
    stop.set()


threading.Thread(target=wait_for_end_of_input, daemon=True).start()

client = sdk.bedrock_runtime_without_retries()
total, failures, longest = 0, [], 0.0
failed = 0
begin = time.monotonic()
while not stop.is_set():
    start = time.monotonic()
    try:
        if total % 4 == 3:
            for event in client.converse_stream(modelId=given.model, messages=sdk.message("Say hello."))["stream"]:
                pass
        else:
            client.converse(modelId=given.model, messages=sdk.message("Say hello."))
    except Exception as error:  # any failure is what this program is for
        failed += 1
        name, text = sdk.describe(error)
        if len(failures) < FAILURES_KEPT:
            failures.append({"atSeconds": round(start - begin, 3), "type": name, "message": text})
    total += 1
    longest = max(longest, time.monotonic() - start)
    if total - failed == 1 and not stop.is_set():
        print("running", file=sys.stderr, flush=True)
    stop.wait(given.pause)

summary = {
    "total": total,
    "failed": failed,
    "failures": failures,
    "seconds": round(time.monotonic() - begin, 1),
    "longestMs": round(longest * 1000),
}
print(json.dumps(summary))
sys.exit(1 if failed else 0)

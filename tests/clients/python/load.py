"""Several clients at once, each one call after the other, without retries, until standard input closes.

Writes "running" to standard error after the first success. Then prints a JSON summary: every call as [start, end, outcome],
times in seconds since the Unix epoch, so that whoever changed something meanwhile can tell what came before and after.
"""

import argparse
import json
import os
import sys
import threading
import time

import sdk

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--model", default=sdk.DEFAULT_MODEL)
arguments.add_argument("--parallel", type=int, default=8)
given = arguments.parse_args()

stop, running = threading.Event(), threading.Event()
client = sdk.bedrock_runtime_without_retries(given.parallel)


def calls(record):
    while not stop.is_set():
        start = time.time()
        try:
            client.converse(modelId=given.model, messages=sdk.message("Say hello."))
            outcome = "ok"
            running.set()
        except Exception as error:  # whatever ends a call is an outcome to tell
            outcome = sdk.describe(error)[0]
        record.append([round(start, 3), round(time.time(), 3), outcome])


records = [[] for _ in range(given.parallel)]
threads = [threading.Thread(target=calls, args=(record,), daemon=True) for record in records]
for thread in threads:
    thread.start()
running.wait()
print("running", file=sys.stderr, flush=True)
while os.read(0, 4096):
    pass
stop.set()
for thread in threads:
    thread.join()
print(json.dumps({"calls": sorted(call for record in records for call in record)}))

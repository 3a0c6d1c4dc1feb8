"""A minimal Lambda runtime for python3.* functions, run as a script in the function's own process.

LocalEmu's runtimes live in container images. Standard library only: it must not need the emulator's packages.
"""

import importlib
import json
import os
import sys
import time
import traceback
import urllib.request
from typing import Any

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/"
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Context:
    """What handlers expect as their second argument."""

    def __init__(self, headers: Any) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))


def post(path: str, document: Any) -> None:
    body = json.dumps(document).encode()
    HTTP.open(urllib.request.Request(API + path, data=body, headers={"Content-Type": "application/json"})).read()


def error_document(error: Exception) -> dict[str, Any]:
    return {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}


def load_handler() -> Any:
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, function = os.environ["_HANDLER"].rsplit(".", 1)
    return getattr(importlib.import_module(module.replace("/", ".")), function)


def main() -> None:
    try:
        handler = load_handler()
    except Exception as error:
        post("init/error", error_document(error))
        sys.exit(1)
    while True:
        response = HTTP.open(API + "invocation/next")
        context = Context(response.headers)
        try:
            answer = handler(json.loads(response.read() or b"null"), context)
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            post(f"invocation/{context.aws_request_id}/error", error_document(error))
            continue
        sys.stdout.flush()
        post(f"invocation/{context.aws_request_id}/response", answer)


if __name__ == "__main__":
    main()

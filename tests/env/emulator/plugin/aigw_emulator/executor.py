"""Runs Lambda functions as local processes, through LocalEmu's plug-in point for runtime executors.

LocalEmu itself only knows Docker. One process and one Runtime API per execution environment. There is no
isolation whatsoever: functions run as the user who started the emulator.
"""

import logging
import os
import threading
import time
import uuid
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from localemu.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localemu.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localemu.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localemu.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from . import function_env, function_metrics, function_process, log_writer
from .function_output import FunctionOutput
from .runtime_api import Job, Outcome, RuntimeApi, error_payload
from .stream import ResponseStream

LOG = logging.getLogger(__name__)

# Lambda's own limit for the init phase.
INIT_SECONDS = 10.0
DEFAULT_TIMEOUT_SECONDS = 3


class StreamRegistry:
    """Streams that wait for a function's answer, by request id.

    LocalEmu's invoke path only carries bytes; the request id is the one thing that reaches the executor unchanged.
    """

    def __init__(self) -> None:
        self._streams: dict[str, ResponseStream] = {}
        self._lock = threading.Lock()

    def expect(self, request_id: str, stream: ResponseStream) -> None:
        with self._lock:
            self._streams[request_id] = stream

    def take(self, request_id: str) -> ResponseStream | None:
        with self._lock:
            return self._streams.pop(request_id, None)


STREAMS = StreamRegistry()


class Sandbox:
    """One function process with its Runtime API and its output."""

    def __init__(self, version: FunctionVersion, env: dict[str, str], late: Any) -> None:
        code = Path(version.config.code.get_unzipped_code_location())
        command = function_process.command_for(str(version.config.runtime or ""), code)
        self.api = RuntimeApi()
        env = {**env, "AWS_LAMBDA_RUNTIME_API": self.api.address, "LAMBDA_TASK_ROOT": str(code)}
        self.process = function_process.start(command, code, env)
        assert self.process.stdout
        self.output = FunctionOutput(self.process.stdout, late)

    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self) -> bytes | None:
        """None when the function asks for work, else the error document of its failed init."""
        deadline = time.monotonic() + INIT_SECONDS
        while not self.api.ready.wait(0.02):
            if not self.alive():
                return self.exit_error()
            if time.monotonic() > deadline:
                return error_payload("Sandbox.Timedout", f"init did not finish in {INIT_SECONDS:.0f} seconds")
        return self.api.init_error

    def exit_error(self) -> bytes:
        status = self.process.returncode
        reason = f"signal: {-status}" if status < 0 else f"exit status {status}"
        return error_payload("Runtime.ExitError", f"Runtime exited with error: {reason}")

    def close(self) -> None:
        function_process.stop(self.process)
        self.api.close()


class ProcessExecutor(RuntimeExecutor):
    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self._env: dict[str, str] = {}
        self._sandbox: Sandbox | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def start(self, env_vars: dict[str, Any]) -> None:
        self._env = function_env.build(env_vars)
        self._ready_sandbox()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._sandbox:
                self._sandbox.close()

    def invoke(self, payload: dict[str, str], function_timeout: int | None = None) -> InvocationResult:
        request_id = payload["invoke-id"]
        stream = STREAMS.take(request_id)
        try:
            # A process that died or was killed after a timeout is replaced, as Lambda does.
            sandbox = self._ready_sandbox()
        except StatusErrorException as error:
            if stream:
                stream.fail(error.payload)
            raise
        timeout = function_timeout or DEFAULT_TIMEOUT_SECONDS
        job = _job(payload, timeout, stream)
        started = time.monotonic()
        sandbox.output.begin()
        sandbox.api.submit(job)
        outcome = self._wait(sandbox, job, started + timeout, timeout)
        sandbox.api.forget(job)
        seconds = time.monotonic() - started
        function_metrics.record(self.function_version.id, payload["invoked-function-arn"], seconds, outcome.is_error)
        logs = self._log_text(request_id, sandbox.output.take(), seconds)
        return InvocationResult(request_id, outcome.payload, is_error=outcome.is_error, logs=logs)

    def _wait(self, sandbox: Sandbox, job: Job, deadline: float, timeout: int) -> Outcome:
        while True:
            try:
                return job.outcome.result(timeout=0.1)
            except FutureTimeout:
                pass
            if time.monotonic() > deadline:
                job.settle(Outcome(error_payload("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds"), True))
                sandbox.close()
            elif not sandbox.alive():
                # The answer may have arrived in the instant before the process ended.
                time.sleep(0.05)
                job.settle(Outcome(sandbox.exit_error(), True))

    def _ready_sandbox(self) -> Sandbox:
        with self._lock:
            if self._stopped:
                raise StatusErrorException("stopped", error_payload("Runtime.ExitError", "the environment was stopped"))
            if self._sandbox and self._sandbox.alive():
                return self._sandbox
            if self._sandbox:
                self._sandbox.close()
            self._sandbox = Sandbox(self.function_version, self._env, self._write_late_lines)
            if failure := self._sandbox.wait_ready():
                LOG.warning("function %s did not start: %s", self.function_version.qualified_arn, self._sandbox.output.tail())
                self._sandbox.close()
                raise StatusErrorException("the function did not start", failure)
            return self._sandbox

    def _write_late_lines(self, lines: list[str]) -> None:
        function = self.function_version.id
        log_writer.write(
            log_writer.LogLines(
                account=function.account,
                region=function.region,
                group=self._env["AWS_LAMBDA_LOG_GROUP_NAME"],
                stream=self._env["AWS_LAMBDA_LOG_STREAM_NAME"],
                lines=tuple(line for line in lines if line.strip()),
                create_group=True,
            )
        )

    def _log_text(self, request_id: str, lines: list[str], seconds: float) -> str:
        version = self.function_version.id.qualifier
        return (
            f"START RequestId: {request_id} Version: {version}\n"
            + "".join(lines)
            + f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\n"
        )

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return ""

    def get_logs(self) -> str:
        return self._sandbox.output.tail() if self._sandbox else ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing to undo: code on disk is shared between versions and removed with its last user."""


def _job(payload: dict[str, str], timeout: int, stream: ResponseStream | None) -> Job:
    headers = {
        "Lambda-Runtime-Aws-Request-Id": payload["invoke-id"],
        "Lambda-Runtime-Invocation-Id": uuid.uuid4().hex,
        "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout) * 1000)),
        "Lambda-Runtime-Trace-Id": payload.get("trace-id", ""),
    }
    return Job(payload["invoke-id"], (payload["payload"] or "null").encode(), headers, stream)


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "aigw-process"

    def load(self, *args: Any, **kwargs: Any) -> type[RuntimeExecutor]:
        return ProcessExecutor

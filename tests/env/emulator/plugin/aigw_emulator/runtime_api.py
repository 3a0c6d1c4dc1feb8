"""The Lambda Runtime API (2018-06-01) for one execution environment, on a loopback port.

Speaks what custom runtimes use: next, response (buffered and streamed with error trailers), error, init error.
"""

import base64
import json
import logging
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .stream import ResponseStream

LOG = logging.getLogger(__name__)
PREFIX = "/2018-06-01/runtime/"
ERROR_TYPE_TRAILER = "lambda-runtime-function-error-type"
ERROR_BODY_TRAILER = "lambda-runtime-function-error-body"


@dataclass
class Outcome:
    """How an invocation ended."""

    payload: bytes
    is_error: bool


@dataclass
class Job:
    """One invocation on its way through the environment."""

    id: str
    payload: bytes
    headers: dict[str, str]
    stream: ResponseStream | None = None
    outcome: "Future[Outcome]" = field(default_factory=Future)

    def settle(self, outcome: Outcome) -> None:
        """The first outcome counts; the reader of a stream learns about it as well."""
        if self.outcome.done():
            return
        self.outcome.set_result(outcome)
        if self.stream:
            self.stream.fail(outcome.payload) if outcome.is_error else self.stream.finish()


def error_payload(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


class RuntimeApi:
    """Hands jobs to the function process and takes its answers."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._pending: dict[str, Job] = {}
        self._closed = threading.Event()
        self.ready = threading.Event()
        self.init_error: bytes | None = None
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def submit(self, job: Job) -> None:
        self._pending[job.id] = job
        self._jobs.put(job)

    def forget(self, job: Job) -> None:
        self._pending.pop(job.id, None)

    def next_job(self) -> Job | None:
        """Blocks until there is work; None when the environment is closed."""
        self.ready.set()
        while not self._closed.is_set():
            job = self._jobs.get()
            # A job of an earlier process of this environment may have been given up on meanwhile.
            if job is None:
                self._jobs.put(None)
            elif not job.outcome.done():
                return job
        return None

    def job(self, invocation_id: str) -> Job | None:
        return self._pending.get(invocation_id)

    def failed_init(self, document: bytes) -> None:
        self.init_error = document
        self.ready.set()

    def close(self) -> None:
        self._closed.set()
        self._jobs.put(None)
        for job in list(self._pending.values()):
            job.settle(Outcome(error_payload("Runtime.ExitError", "the execution environment was stopped"), True))
        # shutdown() waits for the serving thread, which may be the caller's own.
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def server_bind(self) -> None:
        # HTTPServer.server_bind resolves its own host name, which can take seconds without a resolver.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("a function process dropped its Runtime API connection", exc_info=True)


class _Truncated(Exception):
    """The function process went away in the middle of its answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one segment, at once: otherwise every answer waits 40 ms for a delayed ACK.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: LocalEmu's log is about AWS calls."""

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}invocation/next":
            return self._reply(404)
        job = self.server.api.next_job()
        if job is None:
            self.close_connection = True
            return self._reply(410)
        self._reply(200, job.payload, {"Content-Type": "application/json", **job.headers})

    def do_POST(self) -> None:
        api = self.server.api
        if self.path == f"{PREFIX}init/error":
            api.failed_init(self._read_all())
            return self._reply(202)
        parts = self.path.removeprefix(PREFIX).split("/")
        job = api.job(parts[1]) if len(parts) == 3 and parts[0] == "invocation" else None
        echoed = self.headers.get("Lambda-Runtime-Invocation-Id")
        if job is None or (echoed and echoed != job.headers["Lambda-Runtime-Invocation-Id"]):
            self._read_all()
            return self._reply(400, error_payload("InvalidRequestID", "Invalid request ID"))
        if parts[2] == "error":
            job.settle(Outcome(self._read_all(), True))
        elif self.headers.get("Lambda-Runtime-Function-Response-Mode", "").lower() == "streaming":
            self._receive_stream(job)
        else:
            job.settle(Outcome(self._read_all(), False))
        self._reply(202)

    def _receive_stream(self, job: Job) -> None:
        stream = job.stream or ResponseStream()
        if job.stream is None:
            # A plain Invoke of a streaming function gets the whole answer at once.
            payload = self._read_all()
            return job.settle(self._trailer_outcome() or Outcome(payload, False))
        stream.start()
        try:
            for chunk in self._chunks():
                stream.write(chunk)
        except (_Truncated, OSError, ValueError) as error:
            self.close_connection = True
            job.settle(Outcome(error_payload("Runtime.TruncatedResponse", str(error)), True))
            return
        job.settle(self._trailer_outcome() or Outcome(b"", False))

    def _read_all(self) -> bytes:
        return b"".join(self._chunks())

    def _chunks(self) -> Any:
        self._trailers: dict[str, str] = {}
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            yield self._read_exactly(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self._read_line().split(b";")[0], 16):
            # Whatever part of a large chunk has arrived goes on at once.
            while size:
                part = self.rfile.read1(size)
                if not part:
                    raise _Truncated("connection closed inside a chunk")
                size -= len(part)
                yield part
            self._read_line()
        while line := self._read_line():
            name, _, value = line.decode("latin-1").partition(":")
            self._trailers[name.strip().lower()] = value.strip()

    def _read_exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise _Truncated("connection closed inside the body")
        return body

    def _read_line(self) -> bytes:
        line = self.rfile.readline(65536)
        if not line.endswith(b"\n"):
            raise _Truncated("connection closed between chunks")
        return line.rstrip(b"\r\n")

    def _trailer_outcome(self) -> Outcome | None:
        kind = self._trailers.get(ERROR_TYPE_TRAILER)
        if kind is None:
            return None
        body = self._trailers.get(ERROR_BODY_TRAILER, "")
        try:
            return Outcome(base64.b64decode(body, validate=True) or error_payload(kind, ""), True)
        except ValueError:
            return Outcome(error_payload(kind, body), True)

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

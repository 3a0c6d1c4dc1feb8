"""AWS_PROXY integrations: called in process, permission checked, and streamed for responseTransferMode STREAM.

LocalEmu knows no streaming: it drops the transfer mode and answers 502 to the 2021-11-15 URI.
"""

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

from localemu.services.apigateway.next_gen.execute_api.gateway_response import (
    ApiConfigurationError,
    InternalServerError,
)
from localemu.services.apigateway.next_gen.execute_api.helpers import get_source_arn
from localemu.services.apigateway.next_gen.execute_api.integrations import REST_API_INTEGRATIONS
from localemu.services.apigateway.next_gen.execute_api.integrations.aws import RestApiAwsProxyIntegration
from werkzeug.datastructures import Headers

from . import invoking
from .events import with_all_header_values
from .stream import ResponseStream, StreamBroken

LOG = logging.getLogger(__name__)

PRELUDE_END = b"\0" * 8
# API Gateway gives up on a function that sends no delimiter within this much data.
MAX_PRELUDE = 16 * 1024


class StreamedBody:
    """The response body as WSGI wants it. Raising from it breaks the client's connection, which is the point."""

    def __init__(self, stream: ResponseStream, first: bytes, rest: Iterator[bytes]) -> None:
        self._stream = stream
        self._first = first
        self._rest = rest

    def __iter__(self) -> "StreamedBody":
        return self

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return next(self._rest)
        except StreamBroken as error:
            LOG.warning("the function broke off its stream: %s", error)
            raise

    def close(self) -> None:
        """Also called when the client has left."""
        self._stream.close()


class ProxyIntegration(RestApiAwsProxyIntegration):
    def invoke(self, context: Any) -> Any:
        try:
            function = invoking.FunctionRef.from_uri(context.integration_request["uri"])
            invoking.require_permission(function, get_source_arn(context))
        except (invoking.NotPermitted, ValueError) as error:
            LOG.warning("cannot invoke the integration: %s", error)
            raise ApiConfigurationError("Internal server error") from error
        if context.integration.get("responseTransferMode") == "STREAM":
            return self._invoke_streaming(context, function)
        return super().invoke(context)

    def create_lambda_input_event(self, context: Any) -> Any:
        event = super().create_lambda_input_event(context)
        return with_all_header_values(event, context.integration_request["headers"])

    @staticmethod
    def call_lambda(function_arn: str, event: bytes, source_arn: str, credentials: str | None = None) -> bytes:
        function = invoking.FunctionRef.from_uri(f"/functions/{function_arn}")
        return invoking.invoke(function, json.loads(event), source_arn).payload

    def _invoke_streaming(self, context: Any, function: invoking.FunctionRef) -> Any:
        stream, source_arn = ResponseStream(), get_source_arn(context)
        event = self.create_lambda_input_event(context)
        threading.Thread(
            target=_call, args=(function, event, source_arn, stream), name="streaming-invoke", daemon=True
        ).start()
        chunks = stream.read()
        try:
            prelude, first = read_prelude(chunks)
            headers = self._response_headers(prelude)
            status = int(prelude.get("statusCode") or 200)
        except (StreamBroken, ValueError, TypeError, AttributeError) as error:
            stream.close()
            LOG.warning("streaming integration failed before its body: %s", error)
            raise InternalServerError("Internal server error", status_code=502) from error
        return {"headers": headers, "body": StreamedBody(stream, first, chunks), "status_code": status}

    def _response_headers(self, prelude: dict[str, Any]) -> Headers:
        headers = Headers({"Content-Type": "application/json"})
        headers.update(self._merge_lambda_response_headers(prelude))
        for cookie in prelude.get("cookies") or []:
            headers.add("Set-Cookie", cookie)
        return headers


def _call(function: invoking.FunctionRef, event: dict[str, Any], source_arn: str, stream: ResponseStream) -> None:
    try:
        result = invoking.invoke(function, event, source_arn, stream)
        if result.is_error:
            stream.fail(result.payload)
    except Exception as error:
        stream.fail(str(error).encode())
    finally:
        stream.finish()


def read_prelude(chunks: Iterator[bytes]) -> tuple[dict[str, Any], bytes]:
    """The metadata document before the delimiter, and what already followed it."""
    head = b""
    for chunk in chunks:
        head += chunk
        document, delimiter, first = head.partition(PRELUDE_END)
        if delimiter:
            return json.loads(document), first
        if len(head) > MAX_PRELUDE:
            break
    raise ValueError(f"no delimiter in the first {len(head)} bytes of the answer")


def install() -> None:
    REST_API_INTEGRATIONS["AWS_PROXY"] = ProxyIntegration()

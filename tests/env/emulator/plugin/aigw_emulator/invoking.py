"""How API Gateway calls a Lambda function: with the permission AWS asks for, and without a detour over HTTP.

LocalEmu never looks at a function's resource policy, so a forgotten AddPermission goes unnoticed; and its call
through the gateway's own HTTP port holds a second worker thread per request and carries no stream.
"""

import fnmatch
import json
import uuid
from dataclasses import dataclass
from typing import Any

from localemu.services.lambda_.invocation.lambda_models import InvocationResult
from localemu.services.lambda_.invocation.lambda_service import LambdaService
from localemu.services.lambda_.invocation.models import lambda_stores

from . import lambda_lifecycle
from .executor import STREAMS
from .stream import ResponseStream

API_GATEWAY = "apigateway.amazonaws.com"


class NotPermitted(Exception):
    """The function's resource policy does not let this API in."""


@dataclass(frozen=True)
class FunctionRef:
    region: str
    account: str
    name: str
    qualifier: str | None

    @classmethod
    def from_uri(cls, uri: str) -> "FunctionRef":
        """From an integration or authorizer URI, buffered or streaming."""
        arn = uri.partition("/functions/")[2]
        arn = arn.removesuffix("/response-streaming-invocations").removesuffix("/invocations")
        parts = arn.split(":")
        if len(parts) not in (7, 8) or parts[2] != "lambda":
            raise ValueError(f"not a Lambda invocation URI: {uri}")
        return cls(parts[3], parts[4], parts[6], parts[7] if len(parts) == 8 else None)


def invoke(function: FunctionRef, event: dict[str, Any], source_arn: str, stream: ResponseStream | None = None) -> InvocationResult:
    """Invoke synchronously as API Gateway; with a stream, the answer goes there instead of into the result."""
    service = require_permission(function, source_arn)
    request_id = str(uuid.uuid4())
    if stream:
        STREAMS.expect(request_id, stream)
    try:
        return service.invoke(
            function_name=function.name,
            qualifier=function.qualifier,
            region=function.region,
            account_id=function.account,
            invocation_type="RequestResponse",
            client_context=None,
            request_id=request_id,
            payload=json.dumps(event).encode(),
        )
    finally:
        STREAMS.take(request_id)


def require_permission(function: FunctionRef, source_arn: str) -> LambdaService:
    service = lambda_lifecycle.service()
    if service is None or not _permitted(function, source_arn):
        raise NotPermitted(f"the resource policy of {function} does not let {source_arn} in")
    return service


def _permitted(function: FunctionRef, source_arn: str) -> bool:
    stored = lambda_stores[function.account][function.region].functions.get(function.name)
    resource_policy = stored and stored.permissions.get(function.qualifier or "$LATEST")
    if not resource_policy:
        return False
    return any(statement_allows(statement, source_arn) for statement in list(resource_policy.policy.Statement))


def statement_allows(statement: dict[str, Any], source_arn: str) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    services = services if isinstance(services, list) else [services]
    if not {API_GATEWAY, "*"} & set(services):
        return False
    condition = statement.get("Condition") or {}
    like = {**(condition.get("ArnLike") or {}), **(condition.get("StringLike") or {})}
    pattern = next((value for key, value in like.items() if key.lower() == "aws:sourcearn"), "*")
    return fnmatch.fnmatchcase(source_arn, pattern)

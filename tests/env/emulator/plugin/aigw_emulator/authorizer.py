"""Lambda authorizers with AWS's status codes, result cache, policy evaluation and usageIdentifierKey.

LocalEmu answers 401 to every refusal, asks the function for every request whatever the TTL, and loses the
usage identifier key, so that a key source of AUTHORIZER never finds a key.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from localemu.services.apigateway.next_gen.execute_api.gateway_response import (
    AccessDeniedError,
    AuthorizerConfigurationError,
    UnauthorizedError,
)
from localemu.services.apigateway.next_gen.execute_api.handlers.authorizer import AuthorizerHandler
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider

from . import invoking
from .events import authorizer_event
from .policy import Decision, evaluate
from .wrapping import wrap_method

LOG = logging.getLogger(__name__)
DEFAULT_TTL_SECONDS = 300


class ResultCache:
    """Authorizer results by stage, authorizer and identity values; paths share an entry, as on AWS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[tuple[Any, ...], tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> dict[str, Any] | None:
        with self._lock:
            expires, result = self._entries.get(key, (0.0, None))
            return result if result is not None and expires > self._clock() else None

    def put(self, key: tuple[Any, ...], result: dict[str, Any], ttl: int) -> None:
        with self._lock:
            now = self._clock()
            self._entries = {k: entry for k, entry in self._entries.items() if entry[0] > now}
            if ttl > 0:
                self._entries[key] = (now + ttl, result)

    def flush(self, api_id: str, stage: str) -> None:
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if key[:2] != (api_id, stage)}


CACHE = ResultCache()


class Authorizer(AuthorizerHandler):
    def _invoke_request_authorizer(self, context: Any, authorizer: dict[str, Any]) -> None:
        identity = self._identity(context, authorizer)
        self._authorize(context, authorizer, identity, authorizer_event(context, self._build_method_arn(context)))

    def _invoke_token_authorizer(self, context: Any, authorizer: dict[str, Any]) -> None:
        identity = self._identity(context, authorizer)
        event = {"type": "TOKEN", "authorizationToken": identity[0], "methodArn": self._build_method_arn(context)}
        self._authorize(context, authorizer, identity, event)

    def _authorize(self, context: Any, authorizer: dict[str, Any], identity: tuple[str, ...], event: dict[str, Any]) -> None:
        ttl = authorizer.get("authorizerResultTtlInSeconds")
        ttl = DEFAULT_TTL_SECONDS if ttl is None else int(ttl)
        key = (context.api_id, context.stage, authorizer["id"], identity)
        # Without identity sources there is nothing to cache by.
        result = CACHE.get(key) if identity else None
        if result is None:
            result = self._ask(context, authorizer, event)
            if identity:
                CACHE.put(key, result, ttl)
        self._apply_authorizer_result(context, result)

    def _identity(self, context: Any, authorizer: dict[str, Any]) -> tuple[str, ...]:
        """Values of the identity sources; a missing one is refused without asking the function."""
        sources = [source.strip() for source in (authorizer.get("identitySource") or "").split(",") if source.strip()]
        values = [_source_value(context, source) for source in sources]
        if not all(values):
            raise UnauthorizedError("Unauthorized")
        return tuple(str(value) for value in values)

    def _ask(self, context: Any, authorizer: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        source_arn = f"{_api_arn(context)}/authorizers/{authorizer['id']}"
        try:
            function = invoking.FunctionRef.from_uri(authorizer.get("authorizerUri") or "")
            answer = invoking.invoke(function, event, source_arn)
            result = json.loads(answer.payload)
        except Exception as error:
            LOG.warning("authorizer %s failed: %s", authorizer.get("name"), error)
            raise AuthorizerConfigurationError(None) from error
        if answer.is_error:
            if isinstance(result, dict) and result.get("errorMessage") == "Unauthorized":
                raise UnauthorizedError("Unauthorized")
            LOG.warning("authorizer %s failed: %s", authorizer.get("name"), result)
            raise AuthorizerConfigurationError(None)
        if not _is_valid(result):
            LOG.warning("authorizer %s returned an invalid answer", authorizer.get("name"))
            raise AuthorizerConfigurationError(None)
        return result

    def _apply_authorizer_result(self, context: Any, result: dict[str, Any]) -> None:
        decision = evaluate(result["policyDocument"], self._build_method_arn(context))
        values = {name: _context_value(value) for name, value in (result.get("context") or {}).items() if value is not None}
        context.context_variables["authorizer"] = {**values, "principalId": result["principalId"]}
        if decision is Decision.DENY:
            raise AccessDeniedError("User is not authorized to access this resource with an explicit deny")
        if decision is Decision.NONE:
            raise AccessDeniedError("User is not authorized to access this resource")
        if usage_key := result.get("usageIdentifierKey"):
            context.context_variables.setdefault("identity", {})["apiKey"] = usage_key

    @staticmethod
    def _build_method_arn(context: Any) -> str:
        request = context.invocation_request
        return f"{_api_arn(context)}/{context.stage}/{request['http_method']}/{request['raw_path'].lstrip('/')}"


def install_cache_flush() -> None:
    """FlushStageAuthorizersCache, which LocalEmu does not have."""
    from localemu.aws.api import handler

    @handler("FlushStageAuthorizersCache")
    def flush_stage_authorizers_cache(self: Any, context: Any, rest_api_id: str, stage_name: str, **kwargs: Any) -> None:
        CACHE.flush(rest_api_id.lower(), stage_name)

    ApigatewayNextGenProvider.flush_stage_authorizers_cache = flush_stage_authorizers_cache
    wrap_method(ApigatewayNextGenProvider, "delete_stage", _forget_stage)


def _forget_stage(original: Callable[..., Any], self: Any, context: Any, rest_api_id: str, stage_name: str, **kwargs: Any) -> Any:
    result = original(self, context, rest_api_id, stage_name, **kwargs)
    CACHE.flush(rest_api_id.lower(), stage_name)
    return result


def _api_arn(context: Any) -> str:
    return f"arn:aws:execute-api:{context.region}:{context.account_id}:{context.api_id}"


def _source_value(context: Any, source: str) -> str | None:
    request = context.invocation_request
    kind, _, name = source.rpartition(".")
    if kind == "method.request.header":
        return request["headers"].get(name)
    if kind == "method.request.querystring":
        return (request.get("query_string_parameters") or {}).get(name)
    if kind == "stageVariables":
        return (context.stage_variables or {}).get(name)
    return (context.context_variables or {}).get(name) if kind == "context" else None


def _is_valid(result: Any) -> bool:
    return (
        isinstance(result, dict)
        and isinstance(result.get("policyDocument"), dict)
        and isinstance(result.get("principalId"), str)
        and all(isinstance(value, str | int | float | bool | None) for value in (result.get("context") or {}).values())
    )


def _context_value(value: Any) -> str:
    """Context values reach the integration as strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Custom domain names, by Host header.

LocalEmu stores domain names and base path mappings, but no request ever finds them.
"""

from collections.abc import Callable
from typing import Any

from localemu.aws.api.apigateway import ConflictException
from localemu.http import Response
from localemu.services.apigateway.models import apigateway_stores
from localemu.services.apigateway.next_gen.execute_api import handlers
from localemu.services.apigateway.next_gen.execute_api.router import ApiGatewayEndpoint
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localemu.services.edge import ROUTER

from .wrapping import STATE_LOCK, wrap_method

NO_BASE_PATH = "(none)"
# AWS publishes one hosted zone per Region; any fixed one serves an alias record here.
HOSTED_ZONE = "Z0000000EMULATED"

_routed: dict[str, list[Any]] = {}


def install() -> None:
    handlers.modify_request.handlers.append(_event_path)
    wrap_method(ApigatewayNextGenProvider, "create_domain_name", _create_domain)
    wrap_method(ApigatewayNextGenProvider, "delete_domain_name", _delete_domain)
    wrap_method(ApigatewayNextGenProvider, "create_base_path_mapping", _create_mapping)


class DomainEndpoint:
    """Finds the longest base path that fits and lets the REST API of its mapping answer."""

    def __init__(self) -> None:
        self._endpoint = ApiGatewayEndpoint()

    def __call__(self, request: Any, **kwargs: Any) -> Response:
        host = request.host.split(":")[0]
        raw_uri = request.environ.get("RAW_URI") or request.path
        match = best_mapping(_mappings(host), raw_uri.partition("?")[0])
        if not match or not self._endpoint.is_rest_api(match["restApiId"], match.get("stage")):
            return Response('{"message":"Forbidden"}', status=403, headers={"Content-Type": "application/json"})
        base_path = _prefix(match)
        request.environ["RAW_URI"] = f"/{match['stage']}{raw_uri[len(base_path) :] or '/'}"
        context, response = self._endpoint.prepare_rest_api_invocation(request, match["restApiId"], match["stage"])
        context.base_path = base_path
        self._endpoint.rest_gateway.process_with_context(context, response)
        return response


def best_mapping(mappings: list[dict[str, Any]], path: str) -> dict[str, Any] | None:
    fitting = [mapping for mapping in mappings if path == _prefix(mapping) or path.startswith(_prefix(mapping) + "/")]
    return max(fitting, key=lambda mapping: len(_prefix(mapping)), default=None)


def _prefix(mapping: dict[str, Any]) -> str:
    base_path = mapping.get("basePath")
    return "" if base_path in (None, "", NO_BASE_PATH) else f"/{base_path}"


def _mappings(host: str) -> list[dict[str, Any]]:
    with STATE_LOCK:
        return [
            mapping
            for account in list(apigateway_stores)
            for store in apigateway_stores[account].values()
            for mapping in store.base_path_mappings.get(host) or []
        ]


def _event_path(chain: Any, context: Any, response: Any) -> None:
    """Functions see the path with the base path in front, as the client sent it."""
    if context.base_path is not None:
        context.context_variables["path"] = context.base_path + context.invocation_request["raw_path"]


def _create_domain(original: Callable[..., Any], self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
    domain = original(self, context, *args, **kwargs)
    domain["regionalHostedZoneId"] = HOSTED_ZONE
    domain["tags"] = kwargs.get("tags") or {}
    name = domain["domainName"]
    if name not in _routed:
        endpoint = DomainEndpoint()
        _routed[name] = [
            ROUTER.add(path=path, host=f"{name}<regex('(:[0-9]+)?'):port>", endpoint=endpoint, strict_slashes=False)
            for path in ("/", "/<greedy_path:path>")
        ]
    return domain


def _delete_domain(original: Callable[..., Any], self: Any, context: Any, domain_name: str, **kwargs: Any) -> Any:
    result = original(self, context, domain_name, **kwargs)
    apigateway_stores[context.account_id][context.region].base_path_mappings.pop(domain_name, None)
    if rules := _routed.pop(domain_name, None):
        ROUTER.remove(rules)
    return result


def _create_mapping(
    original: Callable[..., Any], self: Any, context: Any, domain_name: str, rest_api_id: str, base_path: str | None = None, **kwargs: Any
) -> Any:
    existing = apigateway_stores[context.account_id][context.region].base_path_mappings.get(domain_name) or []
    if any(mapping["basePath"] == (base_path or NO_BASE_PATH) for mapping in existing):
        raise ConflictException("Base path already exists for this domain name")
    return original(self, context, domain_name=domain_name, rest_api_id=rest_api_id, base_path=base_path, **kwargs)

"""Custom domain names, by Host header.

LocalEmu stores domain names and base path mappings, but no request ever finds them; it forgets the security policy,
cannot change a domain, and lets an API go that a domain leads to. API Gateway guide: "Set up custom domain names for
REST APIs", "Disable the default endpoint for REST APIs"; API reference: UpdateDomainName, CreateBasePathMapping.
"""

from collections.abc import Callable
from typing import Any

from localemu.aws.api.apigateway import BadRequestException, ConflictException, NotFoundException
from localemu.http import Response
from localemu.services.apigateway.models import apigateway_stores
from localemu.services.apigateway.next_gen.execute_api import handlers
from localemu.services.apigateway.next_gen.execute_api.router import ApiGatewayEndpoint
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localemu.services.edge import ROUTER

from moto.apigateway.models import apigateway_backends

from .wrapping import STATE_LOCK, wrap_method

NO_BASE_PATH = "(none)"
# AWS publishes one hosted zone per Region; any fixed one serves an alias record here.
HOSTED_ZONE = "Z0000000EMULATED"

_routed: dict[str, list[Any]] = {}


def install() -> None:
    handlers.modify_request.handlers.append(_event_path)
    wrap_method(ApigatewayNextGenProvider, "create_domain_name", _create_domain)
    wrap_method(ApigatewayNextGenProvider, "delete_domain_name", _delete_domain)
    wrap_method(ApigatewayNextGenProvider, "update_domain_name", _update_domain)
    wrap_method(ApigatewayNextGenProvider, "create_base_path_mapping", _create_mapping)
    wrap_method(ApigatewayNextGenProvider, "delete_rest_api", _delete_rest_api)
    wrap_method(ApiGatewayEndpoint, "__call__", _default_endpoint)


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
    policy, access_mode = kwargs.get("security_policy") or "TLS_1_2", kwargs.get("endpoint_access_mode")
    _check_access_mode(policy, access_mode)
    domain = original(self, context, *args, **kwargs)
    domain["regionalHostedZoneId"] = HOSTED_ZONE
    domain["tags"] = kwargs.get("tags") or {}
    domain["securityPolicy"], domain["endpointAccessMode"] = policy, access_mode
    name = domain["domainName"]
    if name not in _routed:
        endpoint = DomainEndpoint()
        _routed[name] = [
            ROUTER.add(path=path, host=f"{name}<regex('(:[0-9]+)?'):port>", endpoint=endpoint, strict_slashes=False)
            for path in ("/", "/<greedy_path:path>")
        ]
    return domain


def _check_access_mode(policy: str, access_mode: str | None) -> None:
    """"Security policies for REST APIs": an enhanced policy needs an endpoint access mode, the others take none."""
    if policy.startswith("SecurityPolicy_") and not access_mode:
        raise BadRequestException("Endpoint access mode must be set for enhanced security policies")


def _update_domain(
    original: Callable[..., Any], self: Any, context: Any, domain_name: str, patch_operations: list[dict[str, str]] | None = None, **kwargs: Any
) -> Any:
    """Replaces the properties the operator changes; API reference, UpdateDomainName."""
    domain = apigateway_stores[context.account_id][context.region].domain_names.get(domain_name)
    if domain is None:
        raise NotFoundException("Invalid domain name identifier specified")
    changed = dict(domain)
    for operation in patch_operations or []:
        name = operation["path"].lstrip("/")
        if operation["op"] != "replace" or name not in ("regionalCertificateArn", "securityPolicy", "endpointAccessMode"):
            raise BadRequestException(f"Invalid patch path {operation['path']}")
        changed[name] = operation["value"]
    _check_access_mode(changed["securityPolicy"], changed.get("endpointAccessMode"))
    domain.update(changed)
    return domain


def _delete_rest_api(original: Callable[..., Any], self: Any, context: Any, rest_api_id: str, **kwargs: Any) -> Any:
    store = apigateway_stores[context.account_id][context.region]
    leading = [name for name, mappings in store.base_path_mappings.items() for mapping in mappings if mapping["restApiId"] == rest_api_id]
    if leading:
        raise BadRequestException(
            f"Deleting RestApi {rest_api_id} failed. Please remove all base path mappings related to the RestApi in your domains: {', '.join(leading)}"
        )
    return original(self, context, rest_api_id=rest_api_id, **kwargs)


def _default_endpoint(original: Callable[..., Any], self: Any, request: Any, **kwargs: Any) -> Response:
    """A closed default endpoint answers 403. On AWS the next deployment closes it, here the import does."""
    api_id = (kwargs.get("api_id") or "").lower()
    for account in list(apigateway_backends):
        for backend in list(apigateway_backends[account].values()):
            api = backend.apis.get(api_id)
            if api is not None and str(api.disableExecuteApiEndpoint).lower() == "true":
                return Response('{"message":"Forbidden"}', status=403, headers={"Content-Type": "application/json"})
    return original(self, request, **kwargs)


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
    api = apigateway_backends[context.account_id][context.region].apis.get(rest_api_id)
    if api is None:
        raise BadRequestException("Invalid REST API identifier specified")
    if kwargs.get("stage") and kwargs["stage"] not in api.stages:
        raise BadRequestException("Invalid stage identifier specified")
    return original(self, context, domain_name=domain_name, rest_api_id=rest_api_id, base_path=base_path, **kwargs)

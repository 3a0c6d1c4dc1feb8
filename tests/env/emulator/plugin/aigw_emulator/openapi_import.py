"""PutRestApi as the operator relies on it.

LocalEmu's import forgets gateway responses, transfer mode and authorizers' removal, and leaves a half-imported
API behind when the document is refused. Here an import is all or nothing, and failOnWarnings fails.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from localemu.aws.api.apigateway import BadRequestException
from localemu.services.apigateway import helpers
from localemu.services.apigateway.legacy import provider as legacy
from localemu.services.apigateway.next_gen.execute_api.gateway_response import build_gateway_response
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from moto.apigateway.models import Integration

from .wrapping import wrap_method

ANY_METHOD = "x-amazon-apigateway-any-method"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", ANY_METHOD}
STREAMING_PATH, BUFFERED_PATH = "path/2021-11-15/", "path/2015-03-31/"
# Cleared by an overwrite; a merge keeps them.
REPLACED_PARTS = ("authorizers", "validators", "gateway_responses")
BUFFERED_LIMIT_MS, STREAMED_LIMIT_MS = 29_000, 900_000


def install() -> None:
    wrap_method(Integration, "to_json", _integration_json)
    wrap_method(ApigatewayNextGenProvider, "put_rest_api", _all_or_nothing)
    wrap_method(ApigatewayNextGenProvider, "put_integration", _put_integration)
    legacy.import_api_from_openapi_spec = _completed(legacy.import_api_from_openapi_spec)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method as API Gateway names it, operation object)"""
    for path, item in (document.get("paths") or {}).items():
        for verb, operation in item.items():
            if verb.lower() in METHODS and isinstance(operation, dict):
                yield path, "ANY" if verb == ANY_METHOD else verb.upper(), operation


def warnings_of(document: dict[str, Any]) -> list[str]:
    """Problems that AWS reports as warnings; an unresolved authorizer would leave a method open."""
    schemes = document.get("securityDefinitions") or (document.get("components") or {}).get("securitySchemes") or {}
    found = []
    for path, method, operation in operations(document):
        for requirement in operation.get("security", document.get("security")) or []:
            found += [
                f"Unable to find security scheme '{name}' of method '{method}' on resource '{path}'"
                for name in requirement
                if name not in schemes
            ]
        if "x-amazon-apigateway-integration" not in operation:
            found.append(f"No integration defined for method '{method}' on resource '{path}'")
    return found


def _completed(original: Callable[..., Any]) -> Callable[..., Any]:
    def import_document(rest_api: Any, context: Any, open_api_spec: dict[str, Any], mode: str) -> Any:
        if "openapi" not in open_api_spec and "swagger" not in open_api_spec:
            raise BadRequestException("Invalid OpenAPI input.")
        container = helpers.get_apigateway_store(context=context).rest_apis[rest_api.id]
        if mode == "overwrite":
            for part in REPLACED_PARTS:
                getattr(container, part).clear()
            rest_api.policy = None
            rest_api.api_key_source = "HEADER"
            rest_api.name = (open_api_spec.get("info") or {}).get("title") or rest_api.name
        endpoint = copy.deepcopy(rest_api.endpoint_configuration)
        rest_api, warnings = original(rest_api, context=context, open_api_spec=open_api_spec, mode=mode)
        _import_endpoint(rest_api, endpoint, open_api_spec)
        _import_gateway_responses(container, open_api_spec)
        _import_integrations(rest_api, open_api_spec)
        return rest_api, warnings + warnings_of(open_api_spec)

    return import_document


def _import_endpoint(rest_api: Any, before: dict[str, Any], document: dict[str, Any]) -> None:
    """The extension may name only some properties; the others stay as they were."""
    imported = document.get("x-amazon-apigateway-endpoint-configuration") or {}
    named = {name: imported[name] for name in ("types", "vpcEndpointIds", "ipAddressType") if name in imported}
    rest_api.endpoint_configuration = {**(before or {}), **named}
    if "disableExecuteApiEndpoint" in imported:
        rest_api.disableExecuteApiEndpoint = bool(imported["disableExecuteApiEndpoint"])


def _import_gateway_responses(container: Any, document: dict[str, Any]) -> None:
    for kind, response in (document.get("x-amazon-apigateway-gateway-responses") or {}).items():
        container.gateway_responses[kind] = build_gateway_response(
            status_code=str(response["statusCode"]) if response.get("statusCode") else None,
            response_parameters=response.get("responseParameters"),
            response_templates=response.get("responseTemplates"),
            response_type=kind,
            default_response=False,
        )


def _import_integrations(rest_api: Any, document: dict[str, Any]) -> None:
    resources = {resource.get_path(): resource for resource in rest_api.resources.values()}
    for path, method, operation in operations(document):
        described = operation.get("x-amazon-apigateway-integration")
        stored = path in resources and resources[path].resource_methods.get(method)
        if not described or not stored:
            continue
        mode = described.get("responseTransferMode")
        integration = stored.method_integration
        integration.response_transfer_mode = mode
        timeout = int(described.get("timeoutInMillis") or BUFFERED_LIMIT_MS)
        if timeout > (STREAMED_LIMIT_MS if mode == "STREAM" else BUFFERED_LIMIT_MS):
            raise BadRequestException(f"Timeout of method '{method}' on resource '{path}' is too large: {timeout} ms")
        if mode == "STREAM" and described.get("type", "").lower() == "aws_proxy" and STREAMING_PATH not in (described.get("uri") or ""):
            raise BadRequestException(f"Method '{method}' on resource '{path}' streams but its URI does not invoke with response streaming")
        integration.timeout_in_millis = timeout


def _integration_json(original: Callable[..., Any], self: Any) -> dict[str, Any]:
    document = original(self)
    if mode := getattr(self, "response_transfer_mode", None):
        document["responseTransferMode"] = mode
    return document


def _all_or_nothing(original: Callable[..., Any], self: Any, context: Any, request: dict[str, Any]) -> Any:
    """Run the import; put the API back as it was when it fails."""
    moto_api = helpers.get_moto_rest_api(context, request["restApiId"])
    container = helpers.get_apigateway_store(context=context).rest_apis[moto_api.id]
    saved = [(part, copy.deepcopy(vars(part))) for part in (moto_api, container)]
    try:
        response = original(self, context, request)
        if request.get("failOnWarnings") and response.get("warnings"):
            raise BadRequestException("Warnings found during import:\n\t" + "\n\t".join(response["warnings"]))
    except Exception as error:
        for part, attributes in saved:
            vars(part).clear()
            vars(part).update(attributes)
        if isinstance(error, KeyError | TypeError | AttributeError | ValueError):
            raise BadRequestException(f"Unable to import the document: {type(error).__name__}: {error}") from error
        raise
    response["tags"] = dict(moto_api.tags or {})
    return response


def _put_integration(original: Callable[..., Any], self: Any, context: Any, request: dict[str, Any], **kwargs: Any) -> Any:
    """LocalEmu only knows the buffered URI: let it validate that form, then store the real one."""
    uri, mode = request.get("uri") or "", request.get("responseTransferMode")
    request["uri"] = uri.replace(STREAMING_PATH, BUFFERED_PATH)
    response = original(self, context, request, **kwargs)
    moto_api = helpers.get_moto_rest_api(context, request["restApiId"])
    integration = moto_api.resources[request["resourceId"]].resource_methods[request["httpMethod"]].method_integration
    integration.response_transfer_mode = mode
    if STREAMING_PATH in uri:
        integration.uri = response["uri"] = uri
    if mode:
        response["responseTransferMode"] = mode
    return response

"""Checks at start-up that LocalEmu still has everything the plugin wraps.

The plugin replaces internals of one exact version. Another version must fail at once with a sentence that says
what is missing, not answer a test wrongly an hour later. This module imports LocalEmu by name only.
"""

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

EXPECTED_VERSION = "1.3.2"


class IncompatibleLocalEmu(Exception):
    """One sentence: what is missing, and which version is expected."""


@dataclass(frozen=True)
class Needed:
    """`module:attribute.path`, and for functions the parameters the plugin passes or receives."""

    name: str
    parameters: tuple[str, ...] = ()


_EXECUTE = "localemu.services.apigateway.next_gen.execute_api"
_PROVIDER = "localemu.services.apigateway.next_gen.provider:ApigatewayNextGenProvider"
_INVOCATION = "localemu.services.lambda_.invocation"

NEEDED = (
    # executor
    Needed(f"{_INVOCATION}.runtime_executor:RuntimeExecutor.start", ("env_vars",)),
    Needed(f"{_INVOCATION}.runtime_executor:RuntimeExecutor.invoke", ("payload", "function_timeout")),
    Needed(f"{_INVOCATION}.plugins:RuntimeExecutorPlugin"),
    Needed(f"{_INVOCATION}.lambda_models:InvocationResult", ("request_id", "payload", "is_error", "logs")),
    Needed(f"{_INVOCATION}.executor_endpoint:StatusErrorException", ("message", "payload")),
    Needed(f"{_INVOCATION}.lambda_service:LambdaService.invoke", ("function_name", "qualifier", "region", "account_id", "request_id", "payload")),
    Needed(f"{_INVOCATION}.lambda_service:destroy_code_if_not_used", ("code", "function")),
    Needed(f"{_INVOCATION}.version_manager:LambdaVersionManager.invoke", ("invocation",)),
    Needed(f"{_INVOCATION}.version_manager:LambdaVersionManager.stop"),
    Needed(f"{_INVOCATION}.models:lambda_stores"),
    Needed("localemu.services.lambda_.provider:LambdaProvider.get_function_configuration", ("context", "function_name", "qualifier")),
    Needed("localemu.services.lambda_.provider:LambdaProvider.create_alias", ("context", "function_name", "name", "function_version", "routing_config")),
    Needed("localemu.utils.cloudwatch.cloudwatch_util:_internal_call_config"),
    Needed(f"{_INVOCATION}.lambda_models:VersionIdentifier"),
    Needed("localemu.services.lambda_.provider:LambdaProvider.update_alias", ("context", "function_name", "name", "function_version")),
    Needed("localemu.services.lambda_.provider:LambdaProvider.delete_function", ("context", "function_name", "qualifier")),
    Needed("localemu.services.lambda_.api_utils:get_function_name", ("function_arn_or_name", "context")),
    Needed("localemu.services.lambda_.api_utils:get_name_and_qualifier", ("function_arn_or_name", "qualifier", "context")),
    # server and router
    Needed("localemu.runtime.server.core:RuntimeServerPlugin"),
    Needed("localemu.runtime.server.twisted:TwistedRuntimeServer.register", ("gateway", "listen", "ssl_creds")),
    Needed("rolo.serving.twisted:HeaderPreservingWSGIResponse.start"),
    Needed("rolo.serving.twisted:HeaderPreservingWSGIResponse.write", ("data",)),
    Needed("localemu.services.edge:ROUTER.add"),
    Needed("localemu.services.plugins:SERVICE_PLUGINS.require"),
    Needed("localemu.services.cloudtrail.recording_hook:_emit_cloudtrail_to_eventbridge"),
    # items
    Needed("moto.dynamodb.responses:DynamoHandler.update_item"),
    # data plane
    Needed(f"{_EXECUTE}.handlers:preprocess_request.handlers"),
    Needed(f"{_EXECUTE}.handlers:modify_request.handlers"),
    Needed(f"{_EXECUTE}.handlers:api_key_validation_handler"),
    Needed(f"{_EXECUTE}.handlers:usage_counter"),
    Needed(f"{_EXECUTE}.handlers.throttle:ThrottleHandler"),
    Needed(f"{_EXECUTE}.handlers.authorizer:AuthorizerHandler._invoke_request_authorizer", ("context", "authorizer")),
    Needed(f"{_EXECUTE}.handlers.authorizer:AuthorizerHandler._invoke_token_authorizer", ("context", "authorizer")),
    Needed(f"{_EXECUTE}.handlers.authorizer:AuthorizerHandler._build_method_arn", ("context",)),
    Needed(f"{_EXECUTE}.handlers.gateway_exception:GatewayExceptionHandler._build_response_content", ("exception", "gateway_response", "context")),
    Needed(f"{_EXECUTE}.handlers.gateway_exception:GatewayExceptionHandler._build_response_headers", ("exception", "gateway_response", "context")),
    Needed(f"{_EXECUTE}.handlers.gateway_exception:get_gateway_response_or_default", ("response_type", "gateway_responses")),
    Needed("localemu.services.apigateway.next_gen.provider:get_gateway_response_or_default", ("response_type", "gateway_responses")),
    Needed(f"{_EXECUTE}.integrations:REST_API_INTEGRATIONS"),
    Needed(f"{_EXECUTE}.integrations.aws:RestApiAwsProxyIntegration.call_lambda", ("function_arn", "event", "source_arn", "credentials")),
    Needed(f"{_EXECUTE}.integrations.aws:RestApiAwsProxyIntegration.create_lambda_input_event", ("context",)),
    Needed(f"{_EXECUTE}.integrations.aws:RestApiAwsProxyIntegration._merge_lambda_response_headers", ("lambda_response",)),
    Needed(f"{_EXECUTE}.router:ApiGatewayEndpoint.populate_rest_api_invocation_context", ("context", "api_id", "stage")),
    Needed(f"{_EXECUTE}.router:ApiGatewayEndpoint.prepare_rest_api_invocation", ("request", "api_id", "stage")),
    Needed(f"{_EXECUTE}.gateway_response:build_gateway_response", ("status_code", "response_parameters", "response_templates", "response_type")),
    # control plane
    Needed("localemu.services.apigateway.legacy.provider:import_api_from_openapi_spec", ("rest_api", "context", "open_api_spec", "mode")),
    Needed("localemu.services.apigateway.models:apigateway_stores"),
    Needed(f"{_PROVIDER}.put_rest_api", ("context", "request")),
    Needed(f"{_PROVIDER}.put_integration", ("context", "request")),
    Needed(f"{_PROVIDER}.tag_resource", ("context", "resource_arn", "tags")),
    Needed(f"{_PROVIDER}.untag_resource", ("context", "resource_arn", "tag_keys")),
    Needed(f"{_PROVIDER}.get_tags", ("context", "resource_arn")),
    Needed(f"{_PROVIDER}.create_usage_plan", ("context", "api_stages")),
    Needed(f"{_PROVIDER}.update_usage_plan", ("context", "usage_plan_id", "patch_operations")),
    Needed(f"{_PROVIDER}.update_stage", ("context", "rest_api_id", "stage_name", "patch_operations")),
    Needed(f"{_PROVIDER}.create_stage", ("context", "request")),
    Needed(f"{_PROVIDER}.delete_stage", ("context", "rest_api_id", "stage_name")),
    Needed(f"{_PROVIDER}.delete_deployment", ("context", "rest_api_id", "deployment_id")),
    Needed(f"{_PROVIDER}.create_domain_name", ("context", "domain_name")),
    Needed(f"{_PROVIDER}.update_domain_name", ("context", "domain_name")),
    Needed(f"{_PROVIDER}.delete_rest_api", ("context", "rest_api_id")),
    Needed("moto.apigateway.models:apigateway_backends"),
    Needed("moto.apigateway.models:Integration.to_json"),
    Needed("moto.apigateway.models:UsagePlan.apply_patch_operations", ("patch_operations",)),
    Needed("moto.apigateway.models:APIGatewayBackend.delete_usage_plan", ("usage_plan_id",)),
    Needed("moto.apigateway.models:APIGatewayBackend.create_usage_plan_key", ("usage_plan_id", "payload")),
    Needed("moto.apigateway.models:APIGatewayBackend.delete_usage_plan_key", ("usage_plan_id", "key_id")),
    Needed("moto.apigateway.models:APIGatewayBackend.delete_api_key", ("api_key_id",)),
)


def problems(needed: Iterable[Needed] = NEEDED) -> list[str]:
    return [problem for item in needed if (problem := _problem(item))]


def check(needed: Iterable[Needed] = NEEDED) -> None:
    if found := problems(needed):
        installed = metadata.version("localemu")
        raise IncompatibleLocalEmu(
            f"this plugin is made for LocalEmu {EXPECTED_VERSION} and does not fit the installed {installed}: "
            + "; ".join(found)
        )


def _problem(needed: Needed) -> str | None:
    module, _, path = needed.name.partition(":")
    try:
        target: Any = importlib.import_module(module)
        for attribute in path.split("."):
            target = getattr(target, attribute)
    except (ImportError, AttributeError):
        return f"{needed.name} is missing"
    if not needed.parameters:
        return None
    known = _parameters(target)
    missing = [name for name in needed.parameters if name not in known]
    return f"{needed.name} takes no {', '.join(missing)}" if missing else None


def _parameters(target: Any) -> set[str]:
    """Named parameters, also of a function behind decorators."""
    return set(inspect.signature(inspect.unwrap(target)).parameters)

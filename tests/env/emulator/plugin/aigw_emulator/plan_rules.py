"""What API Gateway refuses about usage plans, keys, stages and deployments, and what it cleans up.

LocalEmu (through moto) accepts keys in several plans of one stage, keeps plans attached to stages that are gone,
crashes on unknown ids and fractional rates, and deletes deployments that are in use.
"""

from collections.abc import Callable
from typing import Any

from localemu.aws.api.apigateway import BadRequestException, ConflictException, NotFoundException
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from moto.apigateway.models import APIGatewayBackend, UsagePlan, apigateway_backends

from .wrapping import wrap_method

INVALID_PLAN = "Invalid Usage Plan ID specified"
INVALID_KEY = "Invalid API Key identifier specified"


def install() -> None:
    provider = ApigatewayNextGenProvider
    wrap_method(provider, "create_usage_plan", _create_plan)
    wrap_method(provider, "update_usage_plan", _update_plan)
    wrap_method(provider, "create_stage", _create_stage)
    wrap_method(provider, "delete_stage", _delete_stage)
    wrap_method(provider, "delete_rest_api", _delete_rest_api)
    wrap_method(provider, "delete_deployment", _delete_deployment)
    wrap_method(UsagePlan, "apply_patch_operations", _apply_patches)
    # These the provider leaves to moto entirely.
    wrap_method(APIGatewayBackend, "delete_usage_plan", _delete_plan)
    wrap_method(APIGatewayBackend, "create_usage_plan_key", _create_plan_key)
    wrap_method(APIGatewayBackend, "delete_usage_plan_key", _delete_plan_key)
    wrap_method(APIGatewayBackend, "delete_api_key", _delete_key)


def _backend(context: Any) -> APIGatewayBackend:
    return apigateway_backends[context.account_id][context.region]


def _require_stage(backend: APIGatewayBackend, plan: str, api: str, stage: str) -> None:
    if api not in backend.apis or stage not in backend.apis[api].stages:
        raise NotFoundException(f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}")


def _stages(plan: UsagePlan) -> set[tuple[str, str]]:
    return {(entry["apiId"], entry["stage"]) for entry in plan.api_stages}


def _refuse_second_plan(backend: APIGatewayBackend, plan: str, keys: set[str], stages: set[tuple[str, str]]) -> None:
    """A key may be in one plan per stage only."""
    for other in backend.usage_plans.values():
        shared = _stages(other) & stages
        if other.id == plan or not shared:
            continue
        if clashing := keys & set(backend.usage_plan_keys.get(other.id, {})):
            api, stage = min(shared)
            raise ConflictException(
                f"Usage Plan {plan} cannot be added because API Key {min(clashing)} cannot reference multiple Usage "
                f"Plans with the same API stage: {api}:{stage}"
            )


def _create_plan(original: Callable[..., Any], self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
    for entry in kwargs.get("api_stages") or []:
        _require_stage(_backend(context), "null", entry["apiId"], entry["stage"])
    return original(self, context, *args, **kwargs)


def _update_plan(original: Callable[..., Any], self: Any, context: Any, usage_plan_id: str, patch_operations: Any = None, **kwargs: Any) -> Any:
    backend = _backend(context)
    plan = backend.usage_plans.get(usage_plan_id)
    if plan is None:
        raise NotFoundException(INVALID_PLAN)
    for operation in patch_operations or []:
        if operation["path"] == "/apiStages":
            _check_stage_patch(backend, plan, operation)
    return original(self, context, usage_plan_id, patch_operations, **kwargs)


def _check_stage_patch(backend: APIGatewayBackend, plan: UsagePlan, operation: dict[str, str]) -> None:
    api, _, stage = (operation.get("value") or "").partition(":")
    if not api or not stage:
        raise BadRequestException("Invalid API Stage specified")
    _require_stage(backend, plan.id, api, stage)
    attached = (api, stage) in _stages(plan)
    if operation["op"] == "remove" and not attached:
        raise NotFoundException(f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan.id}")
    if operation["op"] == "add":
        if attached:
            raise ConflictException(f"API Stage {api}:{stage} is already associated with usageplan {plan.id}")
        _refuse_second_plan(backend, plan.id, set(backend.usage_plan_keys.get(plan.id, {})), {(api, stage)})


def _apply_patches(original: Callable[..., Any], self: UsagePlan, patch_operations: list[dict[str, Any]]) -> None:
    """Rates may be fractions; moto reads them as whole numbers."""
    others = []
    for operation in patch_operations:
        name = operation["path"].removeprefix("/throttle/")
        if operation["op"] in ("add", "replace") and name in ("rateLimit", "burstLimit"):
            try:
                number = float(operation["value"]) if name == "rateLimit" else int(operation["value"])
            except ValueError as error:
                raise BadRequestException(f"Invalid {name} specified: {operation['value']}") from error
            self.throttle = {**self.throttle, name: number}
        else:
            others.append(operation)
    original(self, others)


def _delete_plan(original: Callable[..., Any], self: APIGatewayBackend, usage_plan_id: str) -> None:
    plan = self.usage_plans.get(usage_plan_id)
    if plan is None:
        raise NotFoundException(INVALID_PLAN)
    if plan.api_stages:
        raise BadRequestException(f"Cannot delete usage plan {usage_plan_id}, because it has associated API stages")
    original(self, usage_plan_id)
    self.usage_plan_keys.pop(usage_plan_id, None)


def _create_plan_key(original: Callable[..., Any], self: APIGatewayBackend, usage_plan_id: str, payload: dict[str, Any]) -> Any:
    plan = self.usage_plans.get(usage_plan_id)
    if plan is None:
        raise NotFoundException(INVALID_PLAN)
    key_id = payload["keyId"]
    if key_id not in self.keys:
        raise NotFoundException(INVALID_KEY)
    if key_id in self.usage_plan_keys.get(usage_plan_id, {}):
        raise ConflictException(f"Usage Plan {usage_plan_id} already contains API Key {key_id}")
    _refuse_second_plan(self, usage_plan_id, {key_id}, _stages(plan))
    return original(self, usage_plan_id, payload)


def _delete_plan_key(original: Callable[..., Any], self: APIGatewayBackend, usage_plan_id: str, key_id: str) -> None:
    if usage_plan_id not in self.usage_plans:
        raise NotFoundException(INVALID_PLAN)
    if key_id not in self.usage_plan_keys.get(usage_plan_id, {}):
        raise NotFoundException(INVALID_KEY)
    original(self, usage_plan_id, key_id)


def _delete_key(original: Callable[..., Any], self: APIGatewayBackend, api_key_id: str) -> None:
    original(self, api_key_id)
    for keys in self.usage_plan_keys.values():
        keys.pop(api_key_id, None)


def _detach(backend: APIGatewayBackend, api: str, stages: set[str]) -> None:
    for plan in backend.usage_plans.values():
        plan.api_stages = [entry for entry in plan.api_stages if entry["apiId"] != api or entry["stage"] not in stages]


def _create_stage(original: Callable[..., Any], self: Any, context: Any, request: dict[str, Any]) -> Any:
    api = _backend(context).apis.get(request["restApiId"])
    if api and request["deploymentId"] not in api.deployments:
        raise NotFoundException("Invalid Deployment identifier specified")
    return original(self, context, request)


def _delete_stage(original: Callable[..., Any], self: Any, context: Any, rest_api_id: str, stage_name: str, **kwargs: Any) -> Any:
    result = original(self, context, rest_api_id, stage_name, **kwargs)
    _detach(_backend(context), rest_api_id, {stage_name})
    return result


def _delete_rest_api(original: Callable[..., Any], self: Any, context: Any, rest_api_id: str, **kwargs: Any) -> Any:
    api = _backend(context).apis.get(rest_api_id)
    result = original(self, context, rest_api_id, **kwargs)
    _detach(_backend(context), rest_api_id, set(api.stages) if api else set())
    return result


def _delete_deployment(original: Callable[..., Any], self: Any, context: Any, rest_api_id: str, deployment_id: str, **kwargs: Any) -> Any:
    api = _backend(context).apis.get(rest_api_id)
    if api and any(stage.deployment_id == deployment_id for stage in api.stages.values()):
        raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
    return original(self, context, rest_api_id, deployment_id, **kwargs)

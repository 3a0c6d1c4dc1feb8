"""Usage plans that limit: throttle and quota per key, stage throttling, GetUsage and UpdateUsage.

LocalEmu stores plans and checks that a key belongs to one, but never counts, and its stage throttle keeps the
limits of the first request for ever.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from localemu.aws.api import handler
from localemu.aws.api.apigateway import BadRequestException, NotFoundException
from localemu.services.apigateway.next_gen.execute_api import handlers
from localemu.services.apigateway.next_gen.execute_api.gateway_response import QuotaExceededError, ThrottledError
from localemu.services.apigateway.next_gen.execute_api.handlers.api_key_validation import ApiKeyValidationHandler
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from moto.apigateway.models import apigateway_backends

from .limits import TokenBuckets, UsageLedger, utc_today
from .wrapping import STATE_LOCK, locked

BUCKETS = TokenBuckets()
LEDGER = UsageLedger()

# What a Region allows a stage that sets only one of the two.
DEFAULT_RATE, DEFAULT_BURST = 10000.0, 5000.0


class StageThrottle:
    """Method settings of the stage, the most specific first."""

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        settings = (context.stage_configuration or {}).get("methodSettings") or {}
        resource = context.resource["path"].lstrip("/").replace("/", "~1")
        specific = f"{resource}/{context.resource_method.get('httpMethod')}"
        name = specific if specific in settings else "*/*"
        limits = settings.get(name) or {}
        rate, burst = limits.get("throttlingRateLimit"), limits.get("throttlingBurstLimit")
        if rate is None and burst is None:
            return
        rate, burst = _number(rate, DEFAULT_RATE), _number(burst, DEFAULT_BURST)
        if not BUCKETS.take(("stage", context.api_id, context.stage, name), rate, burst):
            raise ThrottledError("Too Many Requests")


class PlanLimits:
    """Runs LocalEmu's key validation and then charges the key's plan."""

    def __init__(self, validation: ApiKeyValidationHandler) -> None:
        self._validate = locked(validation)

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        self._validate(chain, context, response)
        key_id = (context.context_variables.get("identity") or {}).get("apiKeyId")
        if not key_id or not context.resource_method.get("apiKeyRequired"):
            return
        for plan in _plans_of(context, key_id):
            _charge(plan, key_id)


def _plans_of(context: Any, key_id: str) -> list[dict[str, Any]]:
    with STATE_LOCK:
        backend = apigateway_backends[context.account_id][context.region]
        return [
            plan.to_json()
            for plan in backend.usage_plans.values()
            if key_id in backend.usage_plan_keys.get(plan.id, {})
            and any(s.get("apiId") == context.api_id and s.get("stage") == context.stage for s in plan.api_stages)
        ]


def _charge(plan: dict[str, Any], key_id: str) -> None:
    if throttle := plan.get("throttle"):
        rate, burst = _number(throttle.get("rateLimit"), 0), _number(throttle.get("burstLimit"), 0)
        if not BUCKETS.take(("plan", plan["id"], key_id), rate, burst):
            raise ThrottledError("Too Many Requests")
    quota = plan.get("quota")
    if not quota:
        LEDGER.count(plan["id"], key_id)
    elif not LEDGER.spend(plan["id"], key_id, int(quota["limit"]), quota.get("period", "DAY")):
        raise QuotaExceededError("Limit Exceeded")


def _number(value: Any, default: float) -> float:
    return default if value is None else float(value)


def _plan(context: Any, plan_id: str) -> dict[str, Any]:
    plan = apigateway_backends[context.account_id][context.region].usage_plans.get(plan_id)
    if plan is None:
        raise NotFoundException("Invalid Usage Plan ID specified")
    return plan.to_json()


def _key_ids(context: Any, plan_id: str) -> Iterator[str]:
    yield from apigateway_backends[context.account_id][context.region].usage_plan_keys.get(plan_id, {})


def _usage(context: Any, plan_id: str, start: str, end: str, only_key: str | None) -> dict[str, Any]:
    plan = _plan(context, plan_id)
    items = {}
    for key_id in _key_ids(context, plan_id):
        if only_key not in (None, key_id):
            continue
        days = LEDGER.days(plan_id, key_id, date.fromisoformat(start), date.fromisoformat(end))
        if days:
            remaining = _remaining(plan, key_id)
            items[key_id] = [[used, remaining] for used in days]
    return {"usagePlanId": plan_id, "startDate": start, "endDate": end, "items": items}


def _remaining(plan: dict[str, Any], key_id: str) -> int:
    quota = plan.get("quota")
    return LEDGER.remaining(plan["id"], key_id, int(quota["limit"]), quota.get("period", "DAY")) if quota else 0


@handler("GetUsage")
def get_usage(
    self: Any, context: Any, usage_plan_id: str, start_date: str, end_date: str, key_id: str | None = None, **kwargs: Any
) -> dict[str, Any]:
    with STATE_LOCK:
        return _usage(context, usage_plan_id, start_date, end_date, key_id)


@handler("UpdateUsage")
def update_usage(
    self: Any, context: Any, usage_plan_id: str, key_id: str, patch_operations: Any = None, **kwargs: Any
) -> dict[str, Any]:
    with STATE_LOCK:
        quota = _plan(context, usage_plan_id).get("quota")
        if not quota:
            raise BadRequestException("Usage Plan has no quota")
        for operation in patch_operations or []:
            if operation["path"] == "/remaining":
                LEDGER.grant(usage_plan_id, key_id, quota.get("period", "DAY"), int(operation["value"]))
        today = utc_today().isoformat()
        return _usage(context, usage_plan_id, today, today, key_id)


def install() -> None:
    ApigatewayNextGenProvider.get_usage = get_usage
    ApigatewayNextGenProvider.update_usage = update_usage
    handlers.api_key_validation_handler = PlanLimits(handlers.api_key_validation_handler)

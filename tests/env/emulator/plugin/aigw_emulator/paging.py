"""Pages of list operations: 25 items unless asked otherwise, at most 500, as on AWS.

LocalEmu returns everything at once for most lists, which hides a caller that forgets to follow `position`, and cuts
others at fifty.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

from localemu.aws.api.apigateway import BadRequestException
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localemu.services.moto import call_moto

PAGED_OPERATIONS = (
    "get_api_keys",
    "get_authorizers",
    "get_deployments",
    "get_resources",
    "get_rest_apis",
    "get_usage_plan_keys",
    "get_usage_plans",
)
DEFAULT_LIMIT, MAX_LIMIT = 25, 500


class Pager:
    """Positions are sequence numbers given to ids when first seen, so they survive deletions between pages."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._counter = itertools.count(1)

    def page(self, items: list[dict[str, Any]], limit: int | None, position: str | None) -> tuple[list[dict[str, Any]], str | None]:
        size = min(limit or DEFAULT_LIMIT, MAX_LIMIT)
        after = int(position) if position else 0
        numbered = sorted(((self._number(item["id"]), item) for item in items), key=lambda pair: pair[0])
        remaining = [(number, item) for number, item in numbered if number > after]
        page = remaining[:size]
        more = str(page[-1][0]) if len(remaining) > size else None
        return [item for _, item in page], more

    def _number(self, id: str) -> int:
        if id not in self._numbers:
            self._numbers[id] = next(self._counter)
        return self._numbers[id]


def paged(operation: Callable[..., Any], pager: Pager) -> Callable[..., Any]:
    @functools.wraps(operation)
    def list_page(self: Any, context: Any, *args: Any, position: str | None = None, limit: int | None = None, **kwargs: Any) -> Any:
        if position is not None and not position.isdigit():
            raise BadRequestException("Invalid position")
        try:
            response = operation(self, context, *args, **kwargs)
        except NotImplementedError:
            # LocalEmu leaves this list to moto, which never cuts it.
            response = call_moto(context)
        items = list(response.get("items") or [])
        while following := response.pop("position", None):
            rest = operation(self, context, *args, position=following, **kwargs)
            items += rest.get("items") or []
            response["position"] = rest.get("position")
        response["items"], more = pager.page(items, limit, position)
        if more:
            response["position"] = more
        return response

    return list_page


def install() -> None:
    for name in PAGED_OPERATIONS:
        setattr(ApigatewayNextGenProvider, name, paged(getattr(ApigatewayNextGenProvider, name), Pager()))

"""One truth for tags of REST APIs, stages, usage plans, API keys and domain names.

LocalEmu keeps the tags of create calls and those of TagResource in two places and shows only the first in lists,
but the operator finds its objects by the tags in lists.
"""

from collections.abc import Callable
from typing import Any

from localemu.aws.api.apigateway import NotFoundException
from localemu.services.apigateway.models import apigateway_stores
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from moto.apigateway.models import apigateway_backends

from .wrapping import wrap_method


def install() -> None:
    wrap_method(ApigatewayNextGenProvider, "tag_resource", _tag)
    wrap_method(ApigatewayNextGenProvider, "untag_resource", _untag)
    wrap_method(ApigatewayNextGenProvider, "get_tags", _get)


def _tagged(context: Any, arn: str) -> Any | None:
    """The object behind an ARN; None for kinds whose tags LocalEmu keeps well enough."""
    backend = apigateway_backends[context.account_id][context.region]
    match arn.partition("::/")[2].split("/"):
        case ["restapis", api]:
            found = backend.apis.get(api)
        case ["restapis", api, "stages", stage]:
            found = api in backend.apis and backend.apis[api].stages.get(stage)
        case ["usageplans", plan]:
            found = backend.usage_plans.get(plan)
        case ["apikeys", key]:
            found = backend.keys.get(key)
        case ["domainnames", name]:
            domain = apigateway_stores[context.account_id][context.region].domain_names.get(name)
            found = domain is not None and _DomainTags(domain)
        case _:
            return None
    if not found:
        raise NotFoundException("Invalid ARN specified in the request")
    return found


class _DomainTags:
    """A domain name, which LocalEmu keeps as a dictionary, with tags as the other objects have them."""

    def __init__(self, domain: dict[str, Any]) -> None:
        self._domain = domain

    @property
    def tags(self) -> dict[str, str]:
        return self._domain.get("tags") or {}

    @tags.setter
    def tags(self, tags: dict[str, str]) -> None:
        self._domain["tags"] = tags


def _tag(original: Callable[..., Any], self: Any, context: Any, resource_arn: str, tags: dict[str, str], **kwargs: Any) -> None:
    if (target := _tagged(context, resource_arn)) is None:
        return original(self, context, resource_arn, tags, **kwargs)
    target.tags = {**(target.tags or {}), **tags}


def _untag(original: Callable[..., Any], self: Any, context: Any, resource_arn: str, tag_keys: list[str], **kwargs: Any) -> None:
    if (target := _tagged(context, resource_arn)) is None:
        return original(self, context, resource_arn, tag_keys, **kwargs)
    target.tags = {name: value for name, value in (target.tags or {}).items() if name not in tag_keys}


def _get(original: Callable[..., Any], self: Any, context: Any, resource_arn: str, **kwargs: Any) -> dict[str, Any]:
    if (target := _tagged(context, resource_arn)) is None:
        return original(self, context, resource_arn, **kwargs)
    return {"tags": dict(target.tags or {})}

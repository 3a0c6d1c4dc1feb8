"""Aliases as Lambda treats them.

LocalEmu does not find a function's configuration by alias, lets an alias point at a version that does not exist, gives a
version of another role a share of an alias's calls, and deletes a version an alias leads to.
"""

from collections.abc import Callable
from typing import Any

from localemu.aws.api.lambda_ import InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
from localemu.services.lambda_ import api_utils
from localemu.services.lambda_.invocation.models import lambda_stores
from localemu.services.lambda_.provider import LambdaProvider

from .wrapping import wrap_method


def install() -> None:
    wrap_method(LambdaProvider, "get_function_configuration", _by_alias)
    wrap_method(LambdaProvider, "create_alias", _create_alias)
    wrap_method(LambdaProvider, "update_alias", _update_alias)
    wrap_method(LambdaProvider, "delete_function", _delete_function)


def _by_alias(
    original: Callable[..., Any], self: Any, context: Any, function_name: str, qualifier: str | None = None, **kwargs: Any
) -> Any:
    account, region = api_utils.get_account_and_region(function_name, context)
    name, wanted = api_utils.get_name_and_qualifier(function_name, qualifier, context)
    function = lambda_stores[account][region].functions.get(name)
    alias = function.aliases.get(wanted) if function and wanted else None
    if alias is None:
        return original(self, context, function_name, qualifier, **kwargs)
    configuration = original(self, context, name, alias.function_version, **kwargs)
    return {**configuration, "FunctionArn": api_utils.qualified_lambda_arn(name, wanted, account, region)}


def _create_alias(
    original: Callable[..., Any],
    self: Any,
    context: Any,
    function_name: str,
    name: str,
    function_version: str,
    **kwargs: Any,
) -> Any:
    account, region = api_utils.get_account_and_region(function_name, context)
    function = lambda_stores[account][region].functions.get(api_utils.get_function_name(function_name, context))
    _require_one_role(function, function_version, kwargs.get("routing_config"))
    return original(self, context, function_name, name, function_version, **kwargs)


def _require_one_role(function: Any, version: str | None, routing: Any) -> None:
    """Lambda developer guide, "Implement Lambda canary deployments using a weighted alias": one execution role."""
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    if function is None or version is None:
        return
    led = [function.versions[number] for number in (version, *weights) if number in function.versions]
    if len({each.config.role for each in led}) > 1:
        raise InvalidParameterValueException("The versions of an alias must have the same execution role", Type="User")


def _update_alias(
    original: Callable[..., Any],
    self: Any,
    context: Any,
    function_name: str,
    name: str,
    function_version: str | None = None,
    **kwargs: Any,
) -> Any:
    account, region = api_utils.get_account_and_region(function_name, context)
    bare = api_utils.get_function_name(function_name, context)
    function = lambda_stores[account][region].functions.get(bare)
    if function and function_version and function_version not in function.versions:
        arn = api_utils.qualified_lambda_arn(bare, function_version, account, region)
        raise ResourceNotFoundException(f"Function not found: {arn}", Type="User")
    _require_one_role(function, function_version, kwargs.get("routing_config"))
    return original(self, context, function_name, name, function_version, **kwargs)


def _led(alias: Any) -> tuple[str, ...]:
    weights = alias.routing_configuration.version_weights if alias.routing_configuration else {}
    return (alias.function_version, *weights)


def _delete_function(
    original: Callable[..., Any], self: Any, context: Any, function_name: str, qualifier: str | None = None, **kwargs: Any
) -> Any:
    account, region = api_utils.get_account_and_region(function_name, context)
    name, version = api_utils.get_name_and_qualifier(function_name, qualifier, context)
    function = lambda_stores[account][region].functions.get(name)
    pointing = [alias.name for alias in function.aliases.values() if version in _led(alias)] if function else []
    if version and pointing:
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: {pointing}", Type="User"
        )
    return original(self, context, function_name, qualifier, **kwargs)

"""GetFunctionConfiguration by alias, which LocalEmu answers with ResourceNotFoundException."""

from collections.abc import Callable
from typing import Any

from localemu.services.lambda_ import api_utils
from localemu.services.lambda_.invocation.models import lambda_stores
from localemu.services.lambda_.provider import LambdaProvider

from .wrapping import wrap_method


def install() -> None:
    wrap_method(LambdaProvider, "get_function_configuration", _by_alias)


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

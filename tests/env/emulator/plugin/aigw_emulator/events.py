"""Events of REQUEST authorizers and of proxy integrations, with every value of a repeated header.

LocalEmu keeps only the first value of a header in `headers` (AWS: the last), leaves `multiValueHeaders` out of the
authorizer event, and changes the case of some names.
"""

from collections.abc import Iterable
from typing import Any

# API Gateway consumes these itself.
_NOT_FORWARDED = {"connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"}


def single_values(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The last value of each header, under the name the client used first."""
    return {name: values[-1] for name, values in multi_values(headers).items()}


def multi_values(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, str] = {}
    collected: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() in _NOT_FORWARDED:
            continue
        collected.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return collected


def authorizer_event(context: Any, method_arn: str) -> dict[str, Any]:
    request = context.invocation_request
    headers = list(request["headers"])
    return {
        "type": "REQUEST",
        "methodArn": method_arn,
        "resource": context.resource.get("path", ""),
        "path": context.context_variables["path"] if context.base_path else request["raw_path"],
        "httpMethod": request["http_method"],
        "headers": single_values(headers),
        "multiValueHeaders": multi_values(headers),
        "queryStringParameters": request.get("query_string_parameters") or {},
        "multiValueQueryStringParameters": request.get("multi_value_query_string_parameters") or {},
        "pathParameters": request.get("path_parameters") or {},
        "stageVariables": context.stage_variables or {},
        "requestContext": context.context_variables,
    }


def with_all_header_values(event: dict[str, Any], headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A proxy event of LocalEmu with its header fields replaced."""
    headers = list(headers)
    return {**event, "headers": single_values(headers), "multiValueHeaders": multi_values(headers)}

"""Gateway responses as API Gateway renders them.

LocalEmu only replaces `$context.error.*`, always as a quoted string, so the usual
`{"message": "$context.error.message"}` becomes invalid JSON and `$context.requestId` stays as it is; it ignores the
template of a customised DEFAULT_4XX or DEFAULT_5XX; and GetGatewayResponses changes the defaults for everybody.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from localemu.services.apigateway.next_gen import provider
from localemu.services.apigateway.next_gen.execute_api.gateway_response import DEFAULT_GATEWAY_RESPONSES
from localemu.services.apigateway.next_gen.execute_api.handlers import gateway_exception

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)*)|\$stageVariables\.([A-Za-z0-9_]+)")
_REQUEST_HEADER = "method.request.header."


def look_up(variables: dict[str, Any], path: str) -> Any:
    """The value of `$context.<path>`, None when there is none."""
    value: Any = variables
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def render(template: str, variables: dict[str, Any], stage_variables: dict[str, str], missing: str = "") -> str:
    """Plain substitution of `$context` and `$stageVariables`; only `error.messageString` is quoted."""

    def value_of(match: re.Match[str]) -> str:
        if match[2]:
            return str(stage_variables.get(match[2], missing))
        value = look_up(variables, match[1])
        if match[1] == "error.messageString":
            return json.dumps(value)
        return missing if value is None else str(value)

    return _VARIABLE.sub(value_of, template)


def header_value(expression: str, context: Any) -> str | None:
    """A response parameter: a quoted constant, a request header or a context variable."""
    if expression.startswith("'"):
        return expression[1:-1]
    if expression.startswith(_REQUEST_HEADER):
        return context.invocation_request["headers"].get(expression.removeprefix(_REQUEST_HEADER))
    if expression.startswith("context."):
        value = look_up(context.context_variables or {}, expression.removeprefix("context."))
        return None if value is None else str(value)
    return None


def _content(original: Callable[..., str]) -> Callable[..., str]:
    def build(exception: Any, gateway_response: Any = None, context: Any = None) -> str:
        custom = gateway_response and context and not gateway_response.get("defaultResponse")
        template = custom and (gateway_response.get("responseTemplates") or {}).get("application/json")
        if not template:
            return original(exception, gateway_response, context)
        return render(template, context.context_variables or {}, context.stage_variables or {})

    return build


def _headers(original: Callable[..., Any]) -> Callable[..., Any]:
    def build(exception: Any, gateway_response: Any = None, context: Any = None) -> Any:
        headers = original(exception, {}, context)
        for parameter, expression in ((gateway_response or {}).get("responseParameters") or {}).items():
            value = header_value(expression, context)
            if parameter.startswith("gatewayresponse.header.") and value is not None:
                headers[parameter.removeprefix("gatewayresponse.header.")] = value
        return headers

    return build


def _served(original: Callable[..., Any]) -> Callable[..., Any]:
    """A response derived from a customised DEFAULT_… is custom, too."""

    def look_up_response(response_type: Any, gateway_responses: dict[Any, Any]) -> dict[str, Any]:
        found = original(response_type, gateway_responses)
        return {**found, "defaultResponse": found is DEFAULT_GATEWAY_RESPONSES.get(response_type)}

    return look_up_response


def _copied(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda response_type, gateway_responses: dict(original(response_type, gateway_responses))


def install() -> None:
    provider.get_gateway_response_or_default = _copied(provider.get_gateway_response_or_default)
    gateway_exception.get_gateway_response_or_default = _served(gateway_exception.get_gateway_response_or_default)
    handler = gateway_exception.GatewayExceptionHandler
    handler._build_response_content = staticmethod(_content(handler._build_response_content))
    handler._build_response_headers = staticmethod(_headers(handler._build_response_headers))

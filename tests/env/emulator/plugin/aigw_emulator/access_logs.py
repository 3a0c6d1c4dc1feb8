"""Access logs of stages, written to the CloudWatch log group of the stage's account.

LocalEmu stores accessLogSettings and writes nothing.
"""

import time
from typing import Any

from localemu.services.apigateway.next_gen.execute_api import handlers

from . import log_writer
from .gateway_responses import look_up, render

STREAM = "access"


class AccessLog:
    """A response handler: runs after the chain, for refused requests too."""

    def __init__(self, counter: Any) -> None:
        self._count = counter

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        self._count(chain, context, response)
        settings = (context.stage_configuration or {}).get("accessLogSettings") or {}
        destination, line_format = settings.get("destinationArn"), settings.get("format")
        if destination and line_format:
            log_writer.write(
                log_writer.LogLines(
                    account=context.account_id,
                    region=context.region,
                    group=destination.partition(":log-group:")[2].removesuffix(":*"),
                    stream=STREAM,
                    lines=(access_line(line_format, context, response.status_code),),
                )
            )


def access_line(line_format: str, context: Any, status: int) -> str:
    variables = context.context_variables or {}
    started = look_up(variables, "requestTimeEpoch") or int(time.time() * 1000)
    latency = max(0, int(time.time() * 1000) - int(started))
    # Variables that exist only in access logs.
    variables = {**variables, "status": status, "responseLatency": latency}
    return render(line_format, variables, context.stage_variables or {}, missing="-")


def install() -> None:
    handlers.usage_counter = AccessLog(handlers.usage_counter)

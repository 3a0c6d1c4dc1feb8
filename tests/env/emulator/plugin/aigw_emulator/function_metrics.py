"""Metrics of invocations through an alias that leads to two versions, by the version that took each.

LocalEmu counts invocations by function only. AWS: Lambda developer guide, "Types of metrics for Lambda functions",
dimensions FunctionName, Resource and ExecutedVersion. Written in the background, because a call must not wait for it.
"""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localemu.services.lambda_.invocation.lambda_models import VersionIdentifier
from localemu.services.lambda_.invocation.models import lambda_stores

LOG = logging.getLogger(__name__)
# Between two writes: CloudWatch on AWS is a minute or two late.
FLUSH_SECONDS = 0.5


@dataclass(frozen=True)
class _Point:
    account: str
    region: str
    data: dict[str, Any]


_points: queue.SimpleQueue[_Point] = queue.SimpleQueue()
_started = threading.Lock()


def record(function: VersionIdentifier, invoked_arn: str, seconds: float, is_error: bool) -> None:
    """One invocation has ended."""
    alias = invoked_arn.split(":")[7] if invoked_arn.count(":") == 7 else None
    stored = lambda_stores[function.account][function.region].functions.get(function.function_name)
    leads = stored.aliases.get(alias) if stored and alias else None
    if leads is None or leads.routing_configuration is None:
        return
    dimensions = [
        {"Name": "FunctionName", "Value": function.function_name},
        {"Name": "Resource", "Value": f"{function.function_name}:{alias}"},
        {"Name": "ExecutedVersion", "Value": function.qualifier},
    ]
    at = datetime.now(UTC)
    for name, value, unit in (
        ("Invocations", 1, "Count"),
        ("Errors", int(is_error), "Count"),
        ("Duration", seconds * 1000, "Milliseconds"),
    ):
        data = {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value, "Unit": unit}
        _points.put(_Point(function.account, function.region, data))
    # Once in the process: the lock is never given back.
    if _started.acquire(blocking=False):
        threading.Thread(target=_write, name="function-metrics", daemon=True).start()


def _write() -> None:
    # They reach for services, which are not there yet when this module is imported.
    from localemu.aws.connect import connect_to
    from localemu.utils.cloudwatch.cloudwatch_util import _internal_call_config

    while True:
        time.sleep(FLUSH_SECONDS)
        by_place: dict[tuple[str, str], list[dict[str, Any]]] = {}
        while not _points.empty():
            point = _points.get()
            by_place.setdefault((point.account, point.region), []).append(point.data)
        for (account, region), data in by_place.items():
            try:
                client = connect_to(aws_access_key_id=account, region_name=region, config=_internal_call_config()).cloudwatch
                for start in range(0, len(data), 500):
                    client.put_metric_data(Namespace="AWS/Lambda", MetricData=data[start : start + 500])
            except Exception as error:
                LOG.warning("metrics of functions were not written: %s", error)

"""Writes lines to CloudWatch Logs in the background, in the account they belong to.

Used for API Gateway access logs and for what a function prints between two invocations; LocalEmu delivers neither.
"""

import logging
import queue
import threading
import time
from dataclasses import dataclass

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogLines:
    account: str
    region: str
    group: str
    stream: str
    lines: tuple[str, ...]
    # A function creates its log group as Lambda does; an access log to a missing group is dropped.
    create_group: bool = False


_queue: "queue.Queue[LogLines]" = queue.Queue()
_started = threading.Lock()


def write(lines: LogLines) -> None:
    if _started.acquire(blocking=False):
        threading.Thread(target=_write_forever, name="log-writer", daemon=True).start()
    _queue.put(lines)


def _write_forever() -> None:
    while True:
        item = _queue.get()
        try:
            _deliver(item)
        except Exception as error:
            LOG.warning("cannot write to log group %s: %s", item.group, error)


def _deliver(item: LogLines) -> None:
    from localemu.aws.connect import connect_to

    logs = connect_to(region_name=item.region, aws_access_key_id=item.account).logs
    if item.create_group:
        _ignore_existing(logs, logs.create_log_group, logGroupName=item.group)
    _ignore_existing(logs, logs.create_log_stream, logGroupName=item.group, logStreamName=item.stream)
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=item.group,
        logStreamName=item.stream,
        logEvents=[{"timestamp": now, "message": line} for line in item.lines],
    )


def _ignore_existing(logs, operation, **parameters) -> None:
    try:
        operation(**parameters)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass

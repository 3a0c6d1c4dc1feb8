"""Writes of DynamoDB items one after the other.

moto looks at an item, evaluates the condition and then changes the item in place, so of two calls at once both can find
the condition true and one of the changes can be lost. DynamoDB serializes the writes of an item:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.responses import DynamoHandler

# Reads, too: they would see an item in the middle of its change.
OPERATIONS = (
    "batch_get_item",
    "batch_write_item",
    "delete_item",
    "get_item",
    "put_item",
    "transact_write_items",
    "update_item",
)

_LOCK = threading.RLock()


def install() -> None:
    for name in OPERATIONS:
        setattr(DynamoHandler, name, _one_at_a_time(getattr(DynamoHandler, name)))


def _one_at_a_time(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with _LOCK:
            return operation(*args, **kwargs)

    return alone

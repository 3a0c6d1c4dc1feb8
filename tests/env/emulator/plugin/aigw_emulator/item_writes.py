"""Writes of DynamoDB items one after the other.

moto looks at an item, evaluates the condition and then changes the item in place, so of two calls at once both can find
the condition true and one of the changes can be lost. DynamoDB serializes the writes of an item:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
"""

import threading

from moto.dynamodb.responses import DynamoHandler

from .wrapping import lock_operations

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


def install() -> None:
    lock_operations(DynamoHandler, OPERATIONS, threading.RLock())

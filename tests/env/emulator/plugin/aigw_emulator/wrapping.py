"""How the plugin replaces functions of LocalEmu, and the one lock that makes API Gateway changes atomic.

LocalEmu mutates stages, plans and keys in place while its data plane iterates over them, so a request that
arrives during an update can fail. Everything that changes API Gateway state, and every short read of it by
the data plane, runs under `STATE_LOCK`; invoking a function never does.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

STATE_LOCK = threading.RLock()

# Set by LocalEmu's @handler decorator; a replacement must carry them or the operation is no longer found.
_HANDLER_ATTRIBUTES = ("operation", "expand_parameters", "pass_context")


def locked(function: Callable[..., Any], lock: threading.RLock = STATE_LOCK) -> Callable[..., Any]:
    """The same function, run under `lock`."""

    @functools.wraps(function)
    def under_lock(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return function(*args, **kwargs)

    return under_lock


def wrap_method(owner: type, name: str, wrapper: Callable[..., Any]) -> None:
    """Replace `owner.name` by `wrapper(original, self, ...)`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, self, *args, **kwargs)

    for attribute in _HANDLER_ATTRIBUTES:
        if hasattr(original, attribute):
            setattr(replacement, attribute, getattr(original, attribute))
    setattr(owner, name, replacement)


def lock_operations(provider: type, names: tuple[str, ...], lock: threading.RLock = STATE_LOCK) -> None:
    """Run these provider operations under `lock`; last, so that wraps of this plugin are inside."""
    for name in names:
        setattr(provider, name, locked(getattr(provider, name), lock))

"""Lets running invocations finish when a function version is replaced or deleted.

LocalEmu stops a version's environments, and deletes its code, the moment a newer one is active, which breaks
requests in flight; Lambda lets them finish. It also leaves an environment behind that starts while its version stops.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from localemu.aws.api.lambda_ import ResourceNotFoundException, ServiceException
from localemu.services.lambda_.invocation import lambda_service
from localemu.services.lambda_.invocation.lambda_service import LambdaService
from localemu.services.lambda_.invocation.version_manager import LambdaVersionManager

from .wrapping import wrap_method

LOG = logging.getLogger(__name__)

# Covers the time between a request's look-up of a version and its arrival there.
LATECOMER_SECONDS = 0.5
# Code stays for environments of the old version that are just starting.
CODE_GRACE_SECONDS = 15.0

_service: LambdaService | None = None
_running: Counter[str] = Counter()
_changed = threading.Condition()


def service() -> LambdaService | None:
    """LocalEmu's Lambda service; None until something used Lambda."""
    return _service


def install() -> None:
    wrap_method(LambdaService, "__init__", _remember_service)
    wrap_method(LambdaService, "invoke", _retry_on_version_change)
    wrap_method(LambdaVersionManager, "invoke", _count_invocation)
    wrap_method(LambdaVersionManager, "stop", _stop_when_idle)
    lambda_service.destroy_code_if_not_used = _later(lambda_service.destroy_code_if_not_used)


def _remember_service(original: Callable[..., Any], self: LambdaService, *args: Any, **kwargs: Any) -> None:
    global _service
    original(self, *args, **kwargs)
    _service = self


def _retry_on_version_change(original: Callable[..., Any], self: LambdaService, *args: Any, **kwargs: Any) -> Any:
    """An alias read just before it moved may name a version that is gone; reading it again finds the new one."""
    try:
        return original(self, *args, **kwargs)
    except (ResourceNotFoundException, ServiceException) as error:
        LOG.debug("invoking again, the version may have changed: %s", error)
        return original(self, *args, **kwargs)


def _count_invocation(original: Callable[..., Any], self: LambdaVersionManager, *args: Any, **kwargs: Any) -> Any:
    with _changed:
        _running[self.id] += 1
    try:
        return original(self, *args, **kwargs)
    finally:
        with _changed:
            _running[self.id] -= 1
            if not _running[self.id]:
                del _running[self.id]
            _changed.notify_all()


def _stop_when_idle(original: Callable[..., Any], self: LambdaVersionManager) -> None:
    def stop() -> None:
        time.sleep(LATECOMER_SECONDS)
        with _changed:
            _changed.wait_for(lambda: not _running[self.id])
        original(self)

    threading.Thread(target=stop, name="stop-version", daemon=True).start()


def _later(function: Callable[..., None]) -> Callable[..., None]:
    def delayed(*args: Any, **kwargs: Any) -> None:
        timer = threading.Timer(CODE_GRACE_SECONDS, function, args, kwargs)
        timer.daemon = True
        timer.start()

    return delayed

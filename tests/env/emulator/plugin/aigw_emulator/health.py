"""`GET /_aigw/health`: ready once every service the product uses has started.

LocalEmu starts a service with its first request and answers before that; loading them here, in the background,
keeps the first calls of a test from paying for it.
"""

import json
import logging
import threading
from typing import Any

from localemu.http import Response
from localemu.services.edge import ROUTER
from localemu.services.plugins import SERVICE_PLUGINS

LOG = logging.getLogger(__name__)
PATH = "/_aigw/health"
SERVICES = ("sts", "iam", "logs", "s3", "sqs", "dynamodb", "lambda", "apigateway")


class Health:
    def __init__(self) -> None:
        self._missing = list(SERVICES)
        self._failed: dict[str, str] = {}

    def load_services(self) -> None:
        for service in SERVICES:
            try:
                SERVICE_PLUGINS.require(service)
            except Exception as error:
                LOG.exception("cannot start service %s", service)
                self._failed[service] = str(error)
            self._missing.remove(service)

    def __call__(self, request: Any, **kwargs: Any) -> Response:
        if self._failed:
            status, document = 500, {"status": "failed", "services": self._failed}
        elif self._missing:
            status, document = 503, {"status": "starting", "missing": list(self._missing)}
        else:
            status, document = 200, {"status": "ready"}
        return Response(json.dumps(document), status=status, headers={"Content-Type": "application/json"})


def install() -> None:
    health = Health()
    ROUTER.add(path=PATH, endpoint=health)
    threading.Thread(target=health.load_services, name="load-services", daemon=True).start()

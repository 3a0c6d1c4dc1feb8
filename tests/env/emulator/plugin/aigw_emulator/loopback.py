"""A server for LocalEmu that listens where GATEWAY_LISTEN says and waits for slow clients.

LocalEmu's Twisted server ignores the host part and binds every interface, which would let anyone who reaches the
port run code; and it buffers a response without limit when the client does not read.
"""

import threading
from typing import Any
from unittest import mock

from localemu.runtime.server.core import RuntimeServer, RuntimeServerPlugin


class ClientPace:
    """Twisted tells this producer whether the client keeps up; writing threads wait here."""

    def __init__(self) -> None:
        self._writable = threading.Event()
        self._writable.set()

    def pauseProducing(self) -> None:
        self._writable.clear()

    def resumeProducing(self) -> None:
        self._writable.set()

    def stopProducing(self) -> None:
        self._writable.set()

    def wait(self) -> None:
        self._writable.wait()


def pace_responses(response_class: type) -> None:
    """Make `write` of Twisted's WSGI response block while the client's connection is full."""
    start, write = response_class.start, response_class.write

    def start_paced(self: Any) -> None:
        request, finish = self.request, self.request.finish
        self.pace = ClientPace()
        request.registerProducer(self.pace, True)
        # The client may leave while a thread waits for it.
        request.notifyFinish().addBoth(lambda _: self.pace.stopProducing())

        def finish_paced() -> None:
            request.unregisterProducer()
            finish()

        request.finish = finish_paced
        start(self)

    def write_paced(self: Any, data: bytes) -> Any:
        self.pace.wait()
        return write(self, data)

    response_class.start, response_class.write = start_paced, write_paced


class LoopbackServerPlugin(RuntimeServerPlugin):
    name = "aigw-loopback"

    def load(self, *args: Any, **kwargs: Any) -> RuntimeServer:
        # Imported late: Twisted installs its reactor on import.
        from localemu.runtime.server import twisted as localemu_twisted
        from rolo.serving import twisted as rolo_twisted

        pace_responses(rolo_twisted.HeaderPreservingWSGIResponse)
        endpoint = localemu_twisted.endpoints.TCP4ServerEndpoint

        class LoopbackServer(localemu_twisted.TwistedRuntimeServer):
            def register(self, gateway: Any, listen: Any, ssl_creds: Any = None) -> None:
                hosts = {address.port: address.host for address in listen}

                def bound(reactor: Any, port: int, **options: Any) -> Any:
                    return endpoint(reactor, port, **{"interface": hosts[port], **options})

                with mock.patch.object(localemu_twisted.endpoints, "TCP4ServerEndpoint", bound):
                    super().register(gateway, listen, ssl_creds)

        return LoopbackServer()

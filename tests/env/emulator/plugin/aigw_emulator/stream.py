"""The pipe between a function that streams its answer and the client that reads it.

Bounded, so that a slow client slows the function down instead of filling memory. A client that left never
blocks the function: Lambda lets it run to its end, so its output is thrown away.
"""

import queue
import threading
from collections.abc import Iterator

MAX_CHUNK = 64 * 1024
QUEUED_CHUNKS = 16


class StreamBroken(Exception):
    """The function ended its answer with an error; carries the error document."""


class ResponseStream:
    def __init__(self) -> None:
        self._items: queue.Queue[bytes | StreamBroken | None] = queue.Queue(QUEUED_CHUNKS)
        self._reader_left = threading.Event()
        self._finished = threading.Event()
        self.started = False

    def start(self) -> None:
        """The function chose the streaming mode."""
        self.started = True

    def write(self, data: bytes) -> None:
        for offset in range(0, len(data), MAX_CHUNK):
            self._put(data[offset : offset + MAX_CHUNK])

    def finish(self) -> None:
        if not self._finished.is_set():
            self._finished.set()
            self._put(None)

    def fail(self, error: bytes) -> None:
        if not self._finished.is_set():
            self._finished.set()
            self._put(StreamBroken(error.decode("utf-8", "replace")))

    def close(self) -> None:
        """The reader is gone: writers no longer wait."""
        self._reader_left.set()

    def read(self) -> Iterator[bytes]:
        """Chunks until the end; raises `StreamBroken` when the function failed."""
        while True:
            item = self._items.get()
            if item is None:
                return
            if isinstance(item, StreamBroken):
                raise item
            yield item

    def _put(self, item: bytes | StreamBroken | None) -> None:
        # Wakes up now and then because the reader may leave while the queue is full.
        while not self._reader_left.is_set():
            try:
                self._items.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

"""Collects what a function prints and says which invocation it belongs to.

What is in the pipe when an invocation ends is that invocation's log; what comes later (a function may work on
after its answer) is handed to `late` once the function has been quiet for a moment.
"""

import os
import select
import threading
from collections.abc import Callable
from typing import IO

QUIET_SECONDS = 0.3
# Enough to explain a failed start, without keeping a chatty function's whole life.
TAIL_LINES = 200


class FunctionOutput:
    def __init__(self, pipe: IO[bytes], late: Callable[[list[str]], None]) -> None:
        self._pipe = pipe
        self._late = late
        self._lock = threading.Lock()
        self._partial = b""
        self._lines: list[str] = []
        self._tail: list[str] = []
        self._busy = False
        self._ended = False
        os.set_blocking(pipe.fileno(), False)
        threading.Thread(target=self._read_forever, name="function-output", daemon=True).start()

    def begin(self) -> None:
        with self._lock:
            self._busy = True

    def take(self) -> list[str]:
        """Everything printed up to now, for the invocation that just ended."""
        with self._lock:
            self._busy = False
            self._drain()
            return self._take_lines()

    def tail(self) -> str:
        with self._lock:
            self._drain()
            return "".join(self._tail)

    def _read_forever(self) -> None:
        while not self._ended:
            readable, _, _ = select.select([self._pipe], [], [], QUIET_SECONDS)
            with self._lock:
                if readable:
                    self._drain()
                # The last words of a process are of interest even while an invocation waits for it.
                lines = [] if self._busy or (readable and not self._ended) else self._take_lines()
            if lines:
                self._late(lines)
        self._pipe.close()

    def _drain(self) -> None:
        while not self._ended:
            try:
                data = os.read(self._pipe.fileno(), 65536)
            except BlockingIOError:
                return
            self._ended = not data
            *complete, self._partial = (self._partial + data).split(b"\n")
            if self._ended and self._partial:
                complete, self._partial = [*complete, self._partial], b""
            self._lines += [line.decode("utf-8", "replace") + "\n" for line in complete]
            self._tail = (self._tail + self._lines[-len(complete) :])[-TAIL_LINES:] if complete else self._tail

    def _take_lines(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines

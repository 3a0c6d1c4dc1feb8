"""Starts a function as a local process that cannot outlive the emulator.

LocalEmu knows only Docker. Two rules of Linux shape this file: a parent-death signal fires when the *thread*
that forked ends, so one thread that never ends starts every process; and code between fork and exec may
deadlock in a program with threads, so a short Python stub sets the signal after exec and then becomes the function.
"""

import atexit
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

# argv: the emulator's pid, then the function's own argv. A bootstrap that was unzipped a moment ago can be
# "text file busy" while another thread's child still holds the descriptor it was written with.
_STUB = """
import ctypes, errno, os, sys, time
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
for attempt in range(50):
    try:
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as error:
        if error.errno != errno.ETXTBSY:
            sys.exit("cannot start %s: %s" % (sys.argv[2], error.strerror))
        time.sleep(0.02)
"""

_PYTHON_RUNTIME = Path(__file__).with_name("python_runtime.py")

_alive: set[subprocess.Popen[bytes]] = set()
_jobs: "queue.Queue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]" = queue.Queue()
_spawner_started = threading.Lock()


def command_for(runtime: str, code: Path) -> list[str]:
    """What Lambda would execute for this runtime, whatever architecture the function claims."""
    if runtime.startswith("provided"):
        return [str(code / "bootstrap")]
    if runtime.startswith("python"):
        return [sys.executable, str(_PYTHON_RUNTIME)]
    raise ValueError(f"runtime {runtime} cannot run as a local process: only provided.* and python3.* can")


def start(command: list[str], code: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `command` in `code`, with exactly `env`; output of both kinds comes from one pipe."""

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STUB, str(os.getpid()), *command],
            cwd=code,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    result: Future[subprocess.Popen[bytes]] = Future()
    _ensure_spawner()
    _jobs.put((spawn, result))
    process = result.result()
    _alive.add(process)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill at once: Lambda, too, gives a function without extensions no notice."""
    if process.poll() is None:
        process.kill()
    process.wait()
    _alive.discard(process)


def _ensure_spawner() -> None:
    if _spawner_started.acquire(blocking=False):
        threading.Thread(target=_spawn_forever, name="function-spawner", daemon=True).start()


def _spawn_forever() -> None:
    while True:
        spawn, result = _jobs.get()
        try:
            result.set_result(spawn())
        except BaseException as error:
            result.set_exception(error)


@atexit.register
def _kill_all() -> None:
    for process in list(_alive):
        process.kill()

"""How the programs of the client matrix report, and the streams they time.

Each asks one question, streamed or not, and ends with one line of JSON: client and version, the text, and for a stream
when each piece of text arrived, in milliseconds since the request was sent. A failure is one line, "Class: message", and
exit code 1.
"""

import contextlib
import json
import sys
import time

PROMPT = "Explain in two sentences what an API gateway does."
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


class Answer:
    """Collects an answer and prints it."""

    def __init__(self, client, version):
        self.fields = {"client": client, "version": version}
        self.started, self.pieces, self.arrivals = time.monotonic(), [], []

    def whole(self, text):
        self.pieces.append(text)

    def piece(self, text):
        self.pieces.append(text)
        self.arrivals.append(round((time.monotonic() - self.started) * 1000))

    def print(self):
        print(json.dumps({**self.fields, "text": "".join(self.pieces), "arrivalsMs": self.arrivals}))


@contextlib.contextmanager
def plain_errors(*classes):
    """One line instead of a traceback, exit code 1."""
    try:
        yield
    except classes as error:
        sys.exit(f"{type(error).__name__}: {error}")


def streamed():
    """Whether the program was asked for a stream: its one argument is "whole" or "stream"."""
    (mode,) = sys.argv[1:]
    return {"whole": False, "stream": True}[mode]

"""Turns off what LocalEmu does beside answering requests, at the cost of threads and network access.

It forwards every management call to EventBridge a minute later, from one sleeping thread per call; and its
internal clients ask the instance metadata address for credentials, outside this machine.
"""

import os

from localemu.services.cloudtrail import recording_hook


def install() -> None:
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    recording_hook._emit_cloudtrail_to_eventbridge = lambda *args, **kwargs: None

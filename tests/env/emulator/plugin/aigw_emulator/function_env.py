"""The environment variables of a function process.

LocalEmu computes Lambda's own variables, for a container. Added here: what a process needs on this machine, and
the `AIGW_…` variables of the emulator with which a supervisor steers functions (endpoint, credentials, extra values).
"""

import os
from collections.abc import Mapping
from typing import Any

ENDPOINT = "AIGW_EMULATOR_FUNCTION_ENDPOINT"
CREDENTIALS = {
    "AIGW_FUNCTION_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
    "AIGW_FUNCTION_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
    "AIGW_FUNCTION_SESSION_TOKEN": "AWS_SESSION_TOKEN",
}
EXTRA_PREFIX = "AIGW_FUNCTION_ENV_"
_FROM_HOST = ("PATH", "LANG", "TMPDIR")
# LocalEmu's settings for the process it puts into its containers.
_CONTAINER_ONLY = ("LOCALEMU_", "EDGE_PORT")


def build(function: Mapping[str, Any], host: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`function` is what LocalEmu computed, the function's own configuration included."""
    env = {name: host[name] for name in _FROM_HOST if name in host}
    env.update(
        (name, str(value))
        for name, value in function.items()
        if value is not None and not name.startswith(_CONTAINER_ONLY)
    )
    for source, target in CREDENTIALS.items():
        if source in host:
            env[target] = host[source]
    if endpoint := host.get(ENDPOINT):
        env["AWS_ENDPOINT_URL"] = endpoint
    env.update(
        (name.removeprefix(EXTRA_PREFIX), value) for name, value in host.items() if name.startswith(EXTRA_PREFIX)
    )
    return env

"""Evaluates the policy an authorizer returned, for `execute-api:Invoke` on one method ARN.

LocalEmu lets a request pass as soon as any statement says Allow, whatever resource it names.
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

ACTION = "execute-api:Invoke"


class Decision(Enum):
    ALLOW = "allow"
    DENY = "explicit deny"
    NONE = "no statement applies"


def evaluate(document: Any, method_arn: str) -> Decision:
    effects = {
        str(statement.get("Effect")).lower()
        for statement in _as_list(document.get("Statement") if isinstance(document, dict) else None)
        if isinstance(statement, dict) and _applies(statement, method_arn)
    }
    if "deny" in effects:
        return Decision.DENY
    return Decision.ALLOW if "allow" in effects else Decision.NONE


def _applies(statement: dict[str, Any], method_arn: str) -> bool:
    return _any_matches(_as_list(statement.get("Action")), ACTION, ignore_case=True) and _any_matches(
        _as_list(statement.get("Resource")), method_arn, ignore_case=False
    )


def _any_matches(patterns: Iterable[Any], value: str, *, ignore_case: bool) -> bool:
    return any(_pattern(str(pattern), ignore_case).fullmatch(value) for pattern in patterns)


@lru_cache(maxsize=1024)
def _pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    # Only * and ? are special in IAM; they cross slashes and colons.
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

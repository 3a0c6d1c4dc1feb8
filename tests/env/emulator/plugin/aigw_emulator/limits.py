"""Token buckets, calendar windows and the usage ledger of usage plans. Pure: no LocalEmu, clock injected."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime


def utc_today() -> date:
    return datetime.now(UTC).date()


@dataclass
class _Bucket:
    tokens: float
    refilled_at: float


@dataclass
class TokenBuckets:
    """One token bucket per slot; rate and burst come with each call, so a changed limit binds at once."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[Hashable, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, slot: Hashable, rate: float, burst: float) -> bool:
        with self._lock:
            now = self.clock()
            bucket = self._buckets.setdefault(slot, _Bucket(burst, now))
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.refilled_at) * rate)
            bucket.refilled_at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True


def window_of(period: str, day: date) -> str:
    """The quota window that contains `day`; weeks start on Sunday as AWS counts them."""
    if period == "MONTH":
        return f"{day:%Y-%m}"
    if period == "WEEK":
        return f"{day:%Y}-W{day:%U}"
    return day.isoformat()


@dataclass
class UsageLedger:
    """Requests per (plan, key, day), and remaining counts granted by UpdateUsage."""

    today: Callable[[], date] = utc_today
    _used: dict[tuple[str, str, date], int] = field(default_factory=dict)
    _granted: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, plan: str, key: str) -> None:
        with self._lock:
            self._add(plan, key)

    def spend(self, plan: str, key: str, limit: int, period: str) -> bool:
        """Count one request unless the quota of the current window is used up."""
        with self._lock:
            if self._remaining(plan, key, limit, period) <= 0:
                return False
            self._add(plan, key)
            return True

    def remaining(self, plan: str, key: str, limit: int, period: str) -> int:
        with self._lock:
            return self._remaining(plan, key, limit, period)

    def grant(self, plan: str, key: str, period: str, remaining: int) -> None:
        """Make `remaining` requests available until the current window ends."""
        with self._lock:
            window = window_of(period, self.today())
            self._granted[(plan, key, window)] = remaining + self._used_in(plan, key, period, window)

    def days(self, plan: str, key: str, start: date, end: date) -> list[int]:
        """Used requests per day with any use, oldest first."""
        with self._lock:
            rows = [(day, used) for (p, k, day), used in self._used.items() if (p, k) == (plan, key)]
        return [used for day, used in sorted(rows) if start <= day <= end]

    def _add(self, plan: str, key: str) -> None:
        slot = (plan, key, self.today())
        self._used[slot] = self._used.get(slot, 0) + 1

    def _used_in(self, plan: str, key: str, period: str, window: str) -> int:
        return sum(
            used
            for (p, k, day), used in self._used.items()
            if (p, k) == (plan, key) and window_of(period, day) == window
        )

    def _remaining(self, plan: str, key: str, limit: int, period: str) -> int:
        window = window_of(period, self.today())
        return self._granted.get((plan, key, window), limit) - self._used_in(plan, key, period, window)

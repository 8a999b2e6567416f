"""How often somebody may fail to authenticate as one client. Pure but for what it remembers."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_MAX = 10
WINDOW = timedelta(minutes=1)
CLIENTS_KEPT = 10_000


@dataclass(slots=True)
class _Failures:
    since: datetime
    count: int


class Throttle:
    """Counts failures per client, in windows of a minute.

    A right secret is always let in, so that nobody can lock another out by failing in its name.
    """

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Failures] = OrderedDict()

    def failed(self, client: str, *, now: datetime) -> timedelta | None:
        """Note a failure. Returns how long to wait when there were too many, else None."""
        failures = self._clients.setdefault(client, _Failures(now, 0))
        self._clients.move_to_end(client)
        if now - failures.since >= WINDOW:
            failures.since, failures.count = now, 0
        failures.count += 1
        while len(self._clients) > CLIENTS_KEPT:
            self._clients.popitem(last=False)
        return failures.since + WINDOW - now if failures.count > FAILURES_MAX else None

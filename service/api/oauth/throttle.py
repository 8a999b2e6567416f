"""How often somebody may fail to authenticate as one client. Pure.

A right secret is always let in, so that nobody can lock another out by failing in its name.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

FAILURES_MAX = 10
WINDOW = timedelta(minutes=1)
SHARES = 4_096
"""Names that no client has share so many counts, so that they cannot fill the database."""


def share_of(name: str) -> UUID:
    """Where failures are counted under a name that no client has."""
    return UUID(int=int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % SHARES)


def wait_after(failures: int, since: datetime, now: datetime) -> timedelta | None:
    """How long to wait when there were too many failures since then, else None."""
    return since + WINDOW - now if failures > FAILURES_MAX else None

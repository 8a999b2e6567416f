"""Log-in sessions: what a person has shown in a browser, and how long that counts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HALFWAY_TTL = timedelta(minutes=10)
"""How long after the password the second factor may come."""

SEEN_RESOLUTION = timedelta(minutes=1)
"""How finely it is noted that a session is used."""


class Factor(StrEnum):
    """What a person has shown."""

    PASSWORD = "password"  # noqa: S105 - the name of a factor
    TOTP = "totp"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session counts: after log-in whatever happens, and after it was last used."""

    absolute: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Times:
    """When a session was last used and when it ends."""

    seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def is_live(times: Times, lifetimes: Lifetimes, now: datetime) -> bool:
    return times.revoked_at is None and now < times.expires_at and now - times.seen_at < lifetimes.idle


def is_halfway(factors: Collection[str], *, has_totp: bool) -> bool:
    """Is there a second factor that has not been shown yet?"""
    return has_totp and not has_second_factor(factors)


def has_second_factor(factors: Collection[str]) -> bool:
    return not {Factor.TOTP, Factor.RECOVERY}.isdisjoint(factors)

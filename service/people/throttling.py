"""Buckets of failures, looked at and filled: locked from the look until the transaction ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.people import accounts
from service.people.domain import throttle
from service.people.domain.throttle import Bucket, Level
from service.platform import PlatformSession

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Gate:
    """How full the buckets of an attempt are, and how long it has to wait because of them."""

    levels: Mapping[Bucket, Level]
    wait: timedelta


async def glance(platform: PlatformSession, buckets: Sequence[Bucket], *, now: datetime) -> Gate:
    """Look without locking: what has to wait already need not be computed. `look` decides."""
    return _gate(await accounts.glance(platform, buckets), now)


async def look(platform: PlatformSession, buckets: Sequence[Bucket], *, now: datetime) -> Gate:
    """Look, and let nobody else look until the transaction ends. Compute first: others wait meanwhile."""
    return _gate(await accounts.levels(platform, buckets, now=now), now)


async def count_failure(platform: PlatformSession, gate: Gate, *, now: datetime) -> None:
    filled = {
        bucket: throttle.after_failure(level, bucket.limit, now) for bucket, level in gate.levels.items()
    }
    await accounts.set_levels(platform, filled)


async def forgive(platform: PlatformSession, gate: Gate, *, now: datetime) -> None:
    """Empty what a success empties."""
    emptied = {
        bucket: Level(0.0, now) for bucket in gate.levels if throttle.is_forgiven_by_success(bucket.kind)
    }
    await accounts.set_levels(platform, emptied)


def _gate(levels: Mapping[Bucket, Level], now: datetime) -> Gate:
    waits = (throttle.wait(level, bucket.limit, now) for bucket, level in levels.items())
    return Gate(levels, max(waits, default=NO_TIME))

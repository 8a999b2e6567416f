"""Enqueue a job in the caller's transaction: it exists if and only if that transaction commits."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from service.db import TenantSession
from service.jobs import store
from service.platform import PlatformSession

Ids = Mapping[str, UUID | int]
"""Arguments of a job: which rows it is about, never the rows themselves."""

AT_ONCE = timedelta(0)
LOG_KEPT_FOR = timedelta(days=7)


async def enqueue(
    session: TenantSession, name: str, *, delay: timedelta = AT_ONCE, **ids: UUID | int
) -> None:
    """Have `name` run once for these ids, in this tenant, after `delay`."""
    await enqueue_all(session, name, [ids], delay=delay)


async def enqueue_all(
    session: TenantSession, name: str, jobs: Sequence[Ids], *, delay: timedelta = AT_ONCE
) -> None:
    """Have `name` run once for each of `jobs`, by one statement."""
    await store.add(session, name, [encode(session.tenant_id, ids) for ids in jobs], delay=delay)


async def tidy(platform: PlatformSession) -> None:
    """Drop the log of jobs that ended more than LOG_KEPT_FOR ago."""
    await store.forget(platform, kept_for=LOG_KEPT_FOR)


async def held(platform: PlatformSession) -> int:
    """How many jobs failed for good and wait for an operator."""
    return await store.held(platform)


def encode(tenant_id: UUID, ids: Ids) -> bytes:
    return msgspec.json.encode({"tenant_id": tenant_id, **ids})


def decode(payload: bytes) -> dict[str, UUID | int]:
    """The arguments that `encode` wrote.

    Raises:
        msgspec.ValidationError: it did not write this.
    """
    return msgspec.json.decode(payload, type=dict[str, UUID | int])

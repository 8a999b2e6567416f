"""The facts of history as they were when past requests of the tenant's own were decided.

What was received in a window that is past never changes, and is counted again, by what is known of it now
(ADR 0017). How many requests were open then cannot be asked any more.
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace

import msgspec

from service import ids
from service.backtests import chunks, tellings
from service.backtests.cases import Case
from service.backtests.chunks import CASES
from service.backtests.errors import Unjudgeable
from service.db import TenantSession
from service.ids import ContactId
from service.requests.history import history_of
from service.rules.vocabulary import HISTORY, read_by
from service.tenants.domain import Client, OperatedService

GONE = frozenset({"client.open_requests", "service.open_requests"})
"""Facts that are told of the present only."""


def asked(reads: Collection[str]) -> list[str]:
    """The facts of history that are read, and can be told of the past."""
    return sorted(read_by(HISTORY.keys() - GONE, reads))


async def with_history(
    session: TenantSession,
    written: str,
    names: Collection[str],
    *,
    client: Client | None,
    service: OperatedService | None,
) -> msgspec.Raw:
    """A case of the tenant's own, with these facts at each of its decisions.

    One that is too much to be judged comes back as it is: nobody asks for its history.
    """
    case = CASES.decode(written)
    try:
        chunks.check(case)
        told = await asyncio.to_thread(tellings.told, case, client=client, service=service)
        chunks.check_decisions(len(told.points))
    except Unjudgeable:
        return msgspec.Raw(written.encode())
    history = [
        dict(
            await history_of(
                session,
                replace(told.request, facts=point.facts["request"], contact_id=_contact(case)),
                now=point.now,
            )(frozenset(names))
        )
        for point in told.points
    ]
    return msgspec.Raw(msgspec.json.encode(msgspec.structs.replace(case, history=history)))


def _contact(case: Case) -> ContactId | None:
    requester = case.submission.requester
    return None if requester is None else ContactId(ids.read_id(requester))

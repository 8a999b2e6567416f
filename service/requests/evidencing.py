"""What is put on record for the gates of a request, with all that follows from it."""

from datetime import datetime

from service.audit import service as audit
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import GateId
from service.rationalization.gates import recording, telling
from service.rationalization.gates import service as gates
from service.rationalization.gates.documents import Document
from service.rationalization.gates.models import Gate, GateRecord
from service.requests import affairs, rationalizing, renegotiating, store
from service.requests.domain import Request
from service.rules.service import Rulebook


async def record(
    session: TenantSession,
    rulebook: Rulebook,
    actor: Actor,
    gate_id: GateId,
    document: Document,
    *,
    now: datetime,
) -> GateRecord:
    """Put something on record for a gate, and see where its arrangement stands then.

    Raises:
        see `recording.record`
    """
    request = await _request(session, gate_id)
    recorded = await recording.record(session, actor, affairs.matter(request), gate_id, document, now=now)
    await renegotiating.follow(session, recorded.commitments, now=now)
    await rationalizing.settle(session, rulebook, request, actor, now=now)
    return recorded.record


async def look(
    session: TenantSession, rulebook: Rulebook, actor: Actor, gate_id: GateId, *, now: datetime
) -> Gate:
    """Judge a gate anew, with the others of its arrangement: a calendar, or another change, may be otherwise.

    Raises:
        GateNotFound
    """
    request = await _request(session, gate_id)
    before = await gates.get(session, gate_id)
    await rationalizing.settle(session, rulebook, request, actor, now=now)
    after = await gates.get(session, gate_id)
    await audit.record(session, actor, telling.looked_at(before, after), now=now)
    return after


async def _request(session: TenantSession, gate_id: GateId) -> Request:
    """The request that a gate is laid to, locked. Raises GateNotFound."""
    gate = await gates.get(session, gate_id)
    return (await store.get(session, gate.request_id, client_id=None, lock=True)).to_domain()

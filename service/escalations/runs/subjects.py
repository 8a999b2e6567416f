"""What runs are about, and who has them: what somebody must read to know which is which."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.db import TenantSession
from service.escalations.runs import store
from service.escalations.runs.models import Affair, Run
from service.ids import EscalationId
from service.people import service as people
from service.people.domain import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a run is about.

    Attributes:
        affair: the request, as its ladders last knew it.
        commitment: the promise, as it was last looked at.
        holder: who has acknowledged the run, was given it, or put it off; None if nobody has it.
    """

    affair: Affair
    commitment: Commitment
    holder: Member | None


async def of_runs(session: TenantSession, runs: Sequence[Run]) -> dict[EscalationId, Subject]:
    """What each of these runs is about."""
    if not runs:
        return {}
    affairs = await store.affairs(session, {run.request_id for run in runs})
    promises = await commitments.last_seen(session, {run.commitment_id for run in runs})
    holders = await people.members(session, {run.held_by for run in runs if run.held_by is not None})
    return {
        run.id: Subject(
            affair=affairs[run.request_id],
            commitment=promises[run.commitment_id],
            holder=None if run.held_by is None else holders.get(run.held_by),
        )
        for run in runs
    }

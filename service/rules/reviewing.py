"""Use cases of this slice: a version is submitted, and approved or sent back by somebody else."""

from dataclasses import replace
from datetime import datetime

from service import ids
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import MemberId, PolicyId
from service.people import service as people
from service.rules import lifecycle, policies, recording, store
from service.rules.lifecycle import Policy, Step
from service.rules.recording import Entry


async def submit(
    session: TenantSession,
    actor: Actor,
    policy_id: PolicyId,
    *,
    version: int | None,
    note: str | None,
    now: datetime,
) -> Policy:
    """Ask for a review of a draft, of the newest version when None is named.

    Raises:
        PolicyNotFound, StepOutOfTurn
    """
    row = await store.get(session, policy_id, lock=True)
    number = (
        row.version
        if version is None
        else (await policies.stored_version(session, policy_id, version)).version
    )
    entry = Entry(version=number, step=Step.SUBMITTED, note=note)
    await recording.take(session, actor, row, entry, now=now)
    return await store.shown(session, policy_id)


async def approve(
    session: TenantSession,
    actor: Actor,
    policy_id: PolicyId,
    *,
    version: int,
    note: str | None,
    now: datetime,
) -> Policy:
    """Let a version that was submitted be published.

    Raises:
        PolicyNotFound, StepOutOfTurn, MemberNeeded, ApproverInvolved
    """
    return await _judge(
        session, actor, policy_id, Entry(version=version, step=Step.APPROVED, note=note), now=now
    )


async def give_back(
    session: TenantSession, actor: Actor, policy_id: PolicyId, *, version: int, note: str, now: datetime
) -> Policy:
    """Send a version that was submitted, or approved, back to be mended.

    A version never changes: what is mended is a further one. The same may be submitted again.

    Raises:
        PolicyNotFound, StepOutOfTurn, MemberNeeded, ApproverInvolved
    """
    return await _judge(
        session, actor, policy_id, Entry(version=version, step=Step.RETURNED, note=note), now=now
    )


async def _judge(
    session: TenantSession, actor: Actor, policy_id: PolicyId, entry: Entry, *, now: datetime
) -> Policy:
    row = await store.get(session, policy_id, lock=True)
    await policies.stored_version(session, policy_id, entry.version)
    taken = (await store.steps(session, policy_id, [entry.version]))[entry.version]
    lifecycle.refuse_out_of_turn(entry.version, lifecycle.stage_of(taken), entry.step)
    has_others = await people.has_other_leads(session, _member_id(actor))
    basis = lifecycle.basis_of_approval(actor.name, taken, has_others=has_others)
    await recording.take(session, actor, row, replace(entry, basis=basis), now=now)
    return await store.shown(session, policy_id)


def _member_id(actor: Actor) -> MemberId | None:
    kind, _, name = actor.name.partition(":")
    return MemberId(ids.read_id(name)) if kind == "member" else None

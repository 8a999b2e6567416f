"""What can be objected to: what it is about, whether it still holds, and who had a part in it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from service import ids
from service.commitments import service as commitments
from service.commitments.domain import LedgerEntry, Level, Origin, Retermed, Started
from service.commitments.promises import COMMITMENT
from service.commitments.renegotiation import service as renegotiations
from service.commitments.renegotiation.domain import State as RenegotiationState
from service.db import TenantSession
from service.ids import (
    ArrangementId,
    ClientId,
    CommitmentId,
    ContactId,
    DecisionId,
    MemberId,
    RenegotiationId,
    RequestId,
    SpecialMethodId,
)
from service.people import directory
from service.people.domain import Role
from service.rationalization.approvals import reading as approvals
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import OVER
from service.rationalization.arrangements.domain import State as ArrangementState
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.involvement import service as involvement
from service.rationalization.involvement.domain import everybody
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.objections import domain
from service.rationalization.objections.domain import Barred, SubjectKind
from service.rationalization.objections.models import Objection, Ruled, Subject
from service.rationalization.specials import service as specials
from service.rationalization.specials.domain import OPEN as SPECIALS_OPEN
from service.requests import store
from service.requests.domain import Decision, Request
from service.requests.errors import DecisionNotFound
from service.requests.models import RequestRow
from service.rules import lifecycle, policies
from service.rules.lifecycle import Step
from service.tenants import contacts

PAST = OVER | {ArrangementState.OVERTURNED}
ON_OFFER = frozenset({ArrangementState.PROPOSED, ArrangementState.LAPSED})
"""A counter-proposal that was not agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """What is objected to, as it is now.

    Attributes:
        subject: an arrangement, also where the decision was named that it follows from.
        client_id: the client organization that is told of it, if any.
        level: the tenant's own affair where no client is told of it.
        ruled: the decision that it follows from.
        holds: whether it still counts.
        is_on_offer: whether it is a counter-proposal that was not agreed.
        made_by: who made it, as the audit trail calls them; empty where a policy did.
    """

    subject: Subject
    request_id: RequestId
    client_id: ClientId | None
    level: Level = Level.SLA
    ruled: Ruled
    holds: bool
    is_on_offer: bool = False
    made_by: str = ""


async def find(
    session: TenantSession, subject: Subject, *, client_id: ClientId | None, now: datetime
) -> Contested:
    """What is named; with a `client_id`, only if that client is told of it.

    Raises:
        ArrangementNotFound, DecisionNotFound, CommitmentNotFound, RenegotiationNotFound,
        SpecialMethodNotFound
    """
    return await _FINDERS[subject.kind](session, subject, client_id, now)


async def barred(session: TenantSession, objection: Objection, *, now: datetime) -> Barred:
    """Who may not decide on an objection, for the part that they have in it.

    The tenant's own session alone sees all of it; nobody else decides.
    """
    row = await store.get(session, objection.request_id, client_id=None)
    names = await _deciders(session, objection, now=now)
    return Barred(
        objectors=await _objectors(session, objection, row),
        deciders=frozenset(_members_in(names)),
        askers=await _askers(session, objection, row.to_domain()),
    )


async def who_may_decide(session: TenantSession, barred: Barred) -> frozenset[MemberId]:
    """The active admins and managers who have no part in it; nobody, if all of them have."""
    leads = await directory.active(session, roles=[Role.ADMIN, Role.MANAGER])
    return domain.who_may_decide([lead.id for lead in leads], barred)


async def _arrangement(
    session: TenantSession, subject: Subject, client_id: ClientId | None, _: datetime
) -> Contested:
    found = await arrangements.get(session, ArrangementId(subject.id), client_id=client_id)
    return _of_arrangement(subject, found, await _decision(session, found.request_id, found.decision_id))


def _of_arrangement(subject: Subject, found: Arrangement, decision: Decision | None) -> Contested:
    return Contested(
        subject=subject,
        request_id=found.request_id,
        client_id=found.client_id,
        ruled=_ruled(decision, RATIONALIZATION.name),
        holds=found.state not in PAST,
        is_on_offer=found.state in ON_OFFER,
    )


async def _verdict(
    session: TenantSession, subject: Subject, client_id: ClientId | None, _: datetime
) -> Contested:
    """The verdict of a decision: that is its arrangement, if it has one that counts."""
    row = await store.decision(session, DecisionId(subject.id))
    if client_id not in {None, row.client_id}:
        raise DecisionNotFound(DecisionId(subject.id))
    decision = row.to_domain()
    request = (await store.get(session, RequestId(row.request_id), client_id=client_id)).to_domain()
    if request.arrangement_id is not None:
        found = await arrangements.get(session, request.arrangement_id, client_id=None)
        if found.decision_id == decision.id:
            arrangement = Subject(kind=SubjectKind.ARRANGEMENT, id=found.id)
            return _of_arrangement(arrangement, found, decision)
    made = await store.decisions(session, request.id)
    return Contested(
        subject=subject,
        request_id=request.id,
        client_id=request.client_id,
        ruled=_ruled(decision, RATIONALIZATION.name),
        holds=decision.id == made[-1].id,
    )


async def _commitment(
    session: TenantSession, subject: Subject, client_id: ClientId | None, now: datetime
) -> Contested:
    account = await commitments.get(session, CommitmentId(subject.id), client_id=client_id, now=now)
    found, decision = account.commitment, None
    if found.made.origin is Origin.POLICY:
        decision = await _decision(session, found.request_id, _promised_by(account.entries))
    is_told = found.level is Level.SLA
    return Contested(
        subject=subject,
        request_id=found.request_id,
        client_id=found.client_id if is_told else None,
        level=found.level,
        ruled=_ruled(decision, COMMITMENT.name),
        holds=True,
        made_by=found.made.by or "",
    )


def _promised_by(ledger: Iterable[LedgerEntry]) -> DecisionId:
    """The decision that its terms come from, whatever was decided since that left them as they are."""
    *_, last = (entry.decision for entry in ledger if isinstance(entry, Started | Retermed))
    return DecisionId(ids.read_id(last))


async def _renegotiation(
    session: TenantSession, subject: Subject, client_id: ClientId | None, _: datetime
) -> Contested:
    found = await renegotiations.get(session, RenegotiationId(subject.id), client_id=client_id)
    return Contested(
        subject=subject,
        request_id=found.request_id,
        client_id=found.client_id,
        ruled=Ruled(),
        holds=found.standing.state is not RenegotiationState.WITHDRAWN,
        made_by=found.proposed_by,
    )


async def _special_method(
    session: TenantSession, subject: Subject, client_id: ClientId | None, _: datetime
) -> Contested:
    found = await specials.get(session, SpecialMethodId(subject.id), client_id=client_id)
    arrangement = await arrangements.get(session, found.arrangement_id, client_id=None)
    decision = await _decision(session, found.request_id, arrangement.decision_id)
    return Contested(
        subject=subject,
        request_id=found.request_id,
        client_id=found.client_id,
        ruled=_ruled(decision, RATIONALIZATION.name),
        holds=found.state in SPECIALS_OPEN,
    )


_Finder = Callable[[TenantSession, Subject, ClientId | None, datetime], Awaitable[Contested]]
_FINDERS: Mapping[SubjectKind, _Finder] = {
    SubjectKind.ARRANGEMENT: _arrangement,
    SubjectKind.DECISION: _verdict,
    SubjectKind.COMMITMENT: _commitment,
    SubjectKind.RENEGOTIATION: _renegotiation,
    SubjectKind.SPECIAL_METHOD: _special_method,
}


async def _decision(
    session: TenantSession, request_id: RequestId, decision_id: DecisionId
) -> Decision | None:
    made = (row.to_domain() for row in await store.decisions(session, request_id))
    return next((each for each in made if each.id == decision_id), None)


def _ruled(decision: Decision | None, kind: str) -> Ruled:
    """The decision, and the rule that was followed in it, if any."""
    if decision is None:
        return Ruled()
    said, bare = decision.of(kind), Ruled(decision_id=decision.id)
    if not said.winners:
        return bare
    followed = said.winners[0]
    ref = next((each for each in said.versions if each.version_id == followed.version_id), None)
    if ref is None:
        return bare
    return replace(bare, policy_id=ref.policy_id, policy_version=ref.version, rule_id=followed.rule_id)


async def _objectors(session: TenantSession, objection: Objection, row: RequestRow) -> frozenset[MemberId]:
    """Who objects, and the member with the mail address of the contact who does, or for whom it is."""
    found = set(_members_in([objection.raised_by]))
    contact_id = _contact_of(objection, row)
    if contact_id is not None:
        email = (await contacts.get(session, contact_id)).email
        named = {} if email is None else await directory.named(session, [email])
        found |= {member.id for member in named.values()}
    return frozenset(found)


def _contact_of(objection: Objection, row: RequestRow) -> ContactId | None:
    """The person who objects, or on whose behalf it is: where a member does, the member is known."""
    kind, _, name = objection.raised_by.partition(":")
    match kind:
        case "contact":
            return ContactId(ids.read_id(name))
        case "member":
            return None
        case _:
            return None if row.contact_id is None else ContactId(row.contact_id)


async def _askers(session: TenantSession, objection: Objection, request: Request) -> frozenset[MemberId]:
    """Who may not approve what a verdict is about: whoever upholds an objection to it has it accepted."""
    if objection.plea.subject.kind not in _OF_VERDICTS:
        return frozenset()
    contact_ids = [] if request.contact_id is None else [request.contact_id]
    emails = {*(await contacts.emails_of(session, contact_ids)).values()}
    if isinstance(named := request.facts.get("requester"), str):
        emails.add(named)
    found = {member.id for member in (await directory.named(session, emails)).values()}
    if request.submitted_by is not None:
        found.add(request.submitted_by)
    hands = await involvement.hands(session, [request.id])
    return everybody(hands[request.id]) | found


_OF_VERDICTS = frozenset({SubjectKind.ARRANGEMENT, SubjectKind.DECISION, SubjectKind.SPECIAL_METHOD})


async def _deciders(session: TenantSession, objection: Objection, *, now: datetime) -> set[str]:
    """Who decided what is objected to, as the audit trail calls them, whether members or not."""
    subject, ruled = objection.plea.subject, objection.ruled
    names = {(await find(session, subject, client_id=None, now=now)).made_by}
    if ruled.policy_id is not None and ruled.policy_version is not None:
        version = await policies.get_version(session, ruled.policy_id, ruled.policy_version)
        names |= {version.author or ""}
        names |= {taken.by for taken in version.steps if taken.step in {Step.WRITTEN, Step.APPROVED}}
    if subject.kind in {SubjectKind.ARRANGEMENT, SubjectKind.SPECIAL_METHOD}:
        names |= {
            f"{lifecycle.MEMBER}{each}"
            for each in await approvals.who_answered(session, objection.request_id)
        }
    return names


def _members_in(names: Iterable[str]) -> Iterable[MemberId]:
    """Those of the actors who are members."""
    for name in names:
        if name.startswith(lifecycle.MEMBER):
            member_id = directory.member_id_in(name.removeprefix(lifecycle.MEMBER))
            if member_id is not None:
                yield member_id

"""Reviews of work that was done, and the register of accidents, with all that follows.

Whoever changes a review holds the request's row locked first, as everybody does who changes its promises.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from service.audit.domain import Actor
from service.calendars.errors import CalendarsUnknown
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders import service as ladders
from service.escalations.ladders.domain import Directory, Member, assigned_member
from service.ids import AccidentId, GroupId, MemberId, RequestId, ReviewId, SubjectId
from service.people import directory
from service.rationalization import checking
from service.rationalization.accidents import service as accidents
from service.rationalization.accidents.domain import Accident, Report
from service.rationalization.accidents.errors import AccidentNotFound
from service.rationalization.improvements import service as improvements
from service.rationalization.improvements.domain import (
    Evidence,
    Finding,
    Improvement,
    Source,
    faults_of_evidence,
)
from service.rationalization.improvements.errors import ImprovementInvalid
from service.rationalization.reviews import service as reviews
from service.rationalization.reviews.domain import Concluded, Findings, Review, faults_of
from service.rationalization.reviews.errors import (
    RequestNotDone,
    ReviewInvalid,
    ReviewNotFound,
    ReviewOfOwnWork,
)
from service.rationalization.verdicts import Review as Wanted
from service.requests import affairs, recording, renegotiating, store
from service.requests.domain import DONE, Request, State, facts_after


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who records what was found.

    Attributes:
        actor: who calls.
        member_id: the member who calls, if one does.
        by: the member that an application acts for: an id or an e-mail address.
    """

    actor: Actor
    member_id: MemberId | None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something that a person wants to be made better.

    Attributes:
        accident_id: the accident that showed it; `review_id`, the review that did. At most one of them.
    """

    title: str
    evidence: tuple[Evidence, ...] = ()
    accident_id: AccidentId | None = None
    review_id: ReviewId | None = None
    owner_id: MemberId | None = None
    group_id: GroupId | None = None


async def start_review(
    session: TenantSession, actor: Actor, request_id: RequestId, wanted: Wanted | None, *, now: datetime
) -> Review:
    """Have work reviewed that was done, though no verdict asks for it.

    Raises:
        RequestNotFound, RequestNotDone, ReviewOwed, ReviewInvalid
    """
    request = await _locked(session, request_id)
    if request.state not in DONE:
        raise RequestNotDone(request_id)
    if wanted is not None:
        await _vet(session, wanted)
    try:
        changed = await reviews.start(session, actor, affairs.matter(request), wanted, now=now)
    except CalendarsUnknown as error:
        raise ReviewInvalid([Fault("/calendar", str(error))]) from error
    await renegotiating.follow(session, changed.commitments, now=now)
    return changed.review


async def conclude_review(
    session: TenantSession,
    reviewer: Reviewer,
    review_id: ReviewId,
    findings: Findings,
    *,
    improvement: str | None = None,
    now: datetime,
) -> Review:
    """Record what was found, and open an item of that title if something is to be made better.

    Raises:
        ReviewNotFound, ReviewOver, RequestNotDone, ReviewOfOwnWork, ReviewInvalid, ImprovementsTooMany
    """
    found = await reviews.get(session, review_id)
    request = await _locked(session, found.request_id)
    if request.state is State.OPEN:
        raise RequestNotDone(request.id)
    by = await _reviewer(session, reviewer, review_id, request)
    await _vet_findings(session, findings, is_cancelled=request.state is State.CANCELLED)
    concluded = Concluded(findings=findings, by=by, at=now)
    if improvement is not None:
        finding = _of_review(found, improvement, concluded)
        opened = await improvements.open_by_hand(session, reviewer.actor, finding, now=now)
        concluded = replace(concluded, improvement_id=opened.id)
    matter = affairs.matter(request)
    changed = await reviews.conclude(session, reviewer.actor, matter, review_id, concluded)
    await renegotiating.follow(session, changed.commitments, now=now)
    return changed.review


async def record_accident(session: TenantSession, actor: Actor, report: Report, *, now: datetime) -> Accident:
    """Record an accident. Raises AccidentInvalid, AccidentsTooMany."""
    known = await store.known(session, _named(report))
    return await accidents.record(session, actor, report, known, now=now)


async def change_accident(
    session: TenantSession, actor: Actor, accident_id: AccidentId, report: Report, *, now: datetime
) -> Accident:
    """Say more of an accident. Raises AccidentNotFound, AccidentInvalid."""
    known = await store.known(session, _named(report))
    return await accidents.change(session, actor, accident_id, report, known, now=now)


async def open_improvement(session: TenantSession, actor: Actor, wish: Wish, *, now: datetime) -> Improvement:
    """Open an item, for what an accident or a review showed, or for what somebody noticed.

    Raises:
        ImprovementInvalid, ImprovementsTooMany
    """
    if faults := list(faults_of_evidence(wish.evidence)):
        raise ImprovementInvalid(faults)
    finding = await _finding(session, wish)
    return await improvements.open_by_hand(
        session,
        actor,
        replace(finding, evidence=(*finding.evidence, *wish.evidence)),
        owner_id=wish.owner_id,
        group_id=wish.group_id,
        now=now,
    )


async def _finding(session: TenantSession, wish: Wish) -> Finding:
    """What the wish is about. Raises ImprovementInvalid."""
    if wish.accident_id is not None and wish.review_id is not None:
        detail = "Name the accident or the review that it comes of; the other one is evidence."
        raise ImprovementInvalid([Fault("/review_id", detail)])
    try:
        if wish.accident_id is not None:
            return accidents.finding(await accidents.get(session, wish.accident_id), wish.title)
        if wish.review_id is not None:
            found = await reviews.get(session, wish.review_id)
            return _of_review(found, wish.title, found.concluded)
    except AccidentNotFound as error:
        raise ImprovementInvalid([Fault("/accident_id", str(error))]) from error
    except ReviewNotFound as error:
        raise ImprovementInvalid([Fault("/review_id", str(error))]) from error
    return Finding(title=wish.title, source=Source.PERSON)


def _of_review(review: Review, title: str, concluded: Concluded | None) -> Finding:
    """What is to be made better because of a review, with what it goes by itself."""
    findings = None if concluded is None else concluded.findings
    itself = Evidence(
        kind=reviews.SUBJECT_KIND,
        id=str(review.id),
        at=review.owed_at if concluded is None else concluded.at,
        what="A review." if findings is None else findings.deviations or findings.result.value,
    )
    evidence = (itself, *(() if findings is None else findings.evidence))
    return Finding(title=title, source=Source.REVIEW, came_from=SubjectId(review.id), evidence=evidence)


async def _locked(session: TenantSession, request_id: RequestId) -> Request:
    return (await store.get(session, request_id, client_id=None, lock=True)).to_domain()


async def _vet(session: TenantSession, wanted: Wanted) -> None:
    """Raise ReviewInvalid unless that deadline can be counted, and its ladder climbed."""
    faults = list(checking.faults_of_deadline(wanted, ""))
    if wanted.ladder is not None and wanted.ladder not in await ladders.effective(session, [wanted.ladder]):
        faults.append(Fault("/ladder", f"There is no ladder {wanted.ladder!r}."))
    if faults:
        raise ReviewInvalid(faults)


async def _vet_findings(session: TenantSession, findings: Findings, *, is_cancelled: bool) -> None:
    """Raise ReviewInvalid unless they can be kept, and the accident that they name is there."""
    faults = list(faults_of(findings, is_cancelled=is_cancelled))
    if findings.accident_id is not None:
        try:
            await accidents.get(session, findings.accident_id)
        except AccidentNotFound as error:
            faults.append(Fault("/accident_id", str(error)))
    if faults:
        raise ReviewInvalid(faults)


async def _reviewer(session: TenantSession, reviewer: Reviewer, review_id: ReviewId, request: Request) -> str:
    """Who reviews it, as the audit trail would call them: nobody who did the work.

    Raises:
        ReviewOfOwnWork, ReviewInvalid
    """
    member_id = await _member(session, reviewer)
    did_it = await _who_did_it(session, request)
    if member_id in did_it:
        raise ReviewOfOwnWork(review_id)
    if did_it and member_id is None:
        detail = "The work is a member's: name the one who reviewed it, by id or e-mail address."
        raise ReviewInvalid([Fault("/by", detail)])
    return reviewer.actor.name if member_id is None else f"member:{member_id}"


async def _member(session: TenantSession, reviewer: Reviewer) -> MemberId | None:
    """The member who reviews, if it is known to be one. Raises ReviewInvalid."""
    if reviewer.by is None:
        return reviewer.member_id
    if reviewer.member_id is not None:
        raise ReviewInvalid([Fault("/by", "A member acts as itself; leave it out.")])
    found = (await directory.named(session, [reviewer.by])).get(reviewer.by)
    if found is None:
        raise ReviewInvalid([Fault("/by", f"There is no member {reviewer.by!r}.")])
    return found.id


async def _who_did_it(session: TenantSession, request: Request) -> set[MemberId]:
    """Whose work it is now, and whose it was whenever it was said to be done, whoever has it since."""
    ledger = await recording.ledger_of(session, request)
    said_done = [ledger[: at + 1] for at, event in enumerate(ledger) if event.state in DONE]
    called = [facts.get("assignee") for facts in (request.facts, *map(facts_after, said_done))]
    names = dict.fromkeys(each for each in called if isinstance(each, str))
    found = [await _called(session, each) for each in names]
    return {each for each in found if each is not None}


async def _called(session: TenantSession, assignee: str) -> MemberId | None:
    """The member whom a request's source calls so, as ladders know them."""
    member_id = directory.member_id_in(assignee)
    named = [] if member_id is None else [member_id]
    found = await directory.active(session, member_ids=named, called=[assignee])
    members = {each.id: Member(each.id, each.name, each.email) for each in found}
    assigned = assigned_member(assignee, Directory(members=members, roles={}, groups={}))
    return None if assigned is None else assigned.id


def _named(report: Report) -> list[RequestId]:
    """The requests that a report names."""
    return [*report.requests, *(() if report.change_id is None else (report.change_id,))]

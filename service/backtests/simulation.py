"""What a version would do to one request: the outcome of all kinds, what would be promised, and why.

Nothing is written: the transaction is one that only reads.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from service import instants
from service.backtests import chunks, comparing, tellings
from service.backtests import course as courses
from service.backtests.climbing import Climbed
from service.backtests.course import Course, Decided
from service.backtests.errors import BacktestInvalid, SimulationInvalid, Unjudgeable
from service.backtests.ruling import Ruling, Side
from service.backtests.setup import ladders_of
from service.backtests.spec import Candidate
from service.backtests.tellings import Point, Telling, Told
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments.domain import CalendarKey
from service.db import TenantSession, run
from service.errors import Fault
from service.ids import ClientId, DecisionId, EventId, PolicyId, RequestId
from service.people import groups
from service.requests import checking, domain, intake, judging, reading
from service.requests.domain import Decision, EventType, Facts, Request, RequestEvent, State
from service.requests.history import history_of
from service.requests.intake import Caller, Context, Submission
from service.rules import deciding, policies, trying
from service.rules import service as rules
from service.rules.errors import PolicyInvalid
from service.rules.facts import service as facts
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook, RuleWhy
from service.rules.trying import Trial
from service.rules.vocabulary import RequestType
from service.tenants import service as tenants
from service.tenants.domain import Client

READ_ONLY = "set transaction read only"
BUDGET_SECONDS = 0.25
NOBODY = UUID(int=0)
FORESEEN = timedelta(days=366)
"""How long beyond the instant that is asked for notices are looked for."""

EVENTS_MAX = 500
"""Of a request that is simulated; somebody waits for the answer, which costs their square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is simulated. One of `request_id`, `submission` and `facts` is given.

    Attributes:
        version: of the policy; its newest when neither this nor a document is given.
        document: in the place of a version.
        at: as of when.
        now: the tenant's now; what is in effect then, or at a later `at`, stands beside the version.
    """

    version: int | None = None
    document: Mapping[str, Any] | None = None
    request_id: RequestId | None = None
    submission: Submission | None = None
    facts: Facts | None = None
    at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one side says: by the last decision, and of the promises as of the instant that was asked for.

    Attributes:
        labels: of the versions that stand on this side.
        climbed: what its ladders came to, and will if nothing happens for as long as FORESEEN.
        why: every rule of every version, with the values that decided it.
    """

    labels: tuple[str, ...]
    decision: Decision
    ruling: Ruling
    course: Course
    climbed: Climbed
    why: tuple[RuleWhy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What would follow, and what follows from the versions in effect."""

    at: datetime
    tried: Outcome
    current: Outcome

    @property
    def differs(self) -> bool:
        """Whether something else would follow, by whatever rule."""
        return self.tried.ruling.differs_from(self.current.ruling)


async def simulate(
    session: TenantSession, rulebook: Rulebook, policy_id: PolicyId, question: Question, *, caller: Caller
) -> Simulated:
    """Ask what a version of a policy, in the place of the one in effect, would do to one request.

    Raises:
        PolicyNotFound, RequestNotFound, ClientNotFound, ServiceNotFound, ContactNotFound; SimulationInvalid:
            with every fault and its place.
    """
    await run(session.db, READ_ONLY)
    _check(question)
    before = await trying.in_effect(session, rulebook, now=max(question.now, question.at))
    trial = await _trial(session, rulebook, before, policy_id, question)
    after = trying.with_candidates(before, [trial])
    told, client = await _told(session, question, caller)
    reads = frozenset[str]().union(*(each.document.reads for each in (*before, *after)))
    told = await _with_history(session, told, reads, question)
    try:
        return Simulated(
            at=question.at,
            tried=await _outcome(session, rulebook, after, told, client, at=question.at),
            current=await _outcome(session, rulebook, before, told, client, at=question.at),
        )
    except BacktestInvalid as refusal:
        raise SimulationInvalid([Fault("/document", fault.detail) for fault in refusal.faults]) from refusal
    except (Unjudgeable, BeyondHorizon) as reason:
        raise SimulationInvalid([Fault("", str(reason))]) from reason


def _check(question: Question) -> None:
    given = [each for each in (question.request_id, question.submission, question.facts) if each is not None]
    faults: list[Fault] = []
    if len(given) != 1:
        faults.append(Fault("", "Give one of `request_id`, `submission` and `facts`."))
    if question.version is not None and question.document is not None:
        faults.append(Fault("/document", "Give `version` or `document`, not both."))
    if not instants.is_usable(question.at):
        faults.append(Fault("/at", instants.refusal(question.at)))
    elif question.submission is not None and not instants.is_usable(question.submission.occurred_at):
        refused = instants.refusal(question.submission.occurred_at)
        faults.append(Fault("/submission/occurred_at", refused))
    if question.submission is not None:
        faults += [
            replace(fault, pointer=f"/submission{fault.pointer}")
            for fault in domain.faults_of_facts(question.submission.facts)
        ]
    if faults:
        raise SimulationInvalid(faults)


async def _trial(
    session: TenantSession,
    rulebook: Rulebook,
    before: Sequence[Trial],
    policy_id: PolicyId,
    question: Question,
) -> Trial:
    policy = await policies.get(session, policy_id)
    if question.document is None:
        candidate = Candidate(policy_id=policy_id, version=question.version or policy.version)
    else:
        candidate = Candidate(kind=policy.kind, name=policy.name, document=dict(question.document))
    try:
        return await comparing.trial_of(session, rulebook, before, candidate, await facts.declared(session))
    except PolicyInvalid as refusal:
        raise SimulationInvalid(refusal.faults) from refusal


async def _told(session: TenantSession, question: Question, caller: Caller) -> tuple[Told, Client | None]:
    """The request as it is known at the instant that is asked for, and whose it is."""
    if question.request_id is not None:
        return await _told_of_request(session, question.request_id, until=question.at)
    if question.submission is not None:
        return await _told_of_submission(session, question.submission, caller, now=question.at)
    given = _nested(question.facts or {})
    request, opened = _imagined(question.at)
    told = Told(request, (Telling(opened, (Point(opened, dict(given), question.at),)),))
    return told, _client_of(given, question.at)


async def _told_of_request(
    session: TenantSession, request_id: RequestId, *, until: datetime
) -> tuple[Told, Client | None]:
    request = await reading.get(session, request_id, client_id=None)
    ledger = await reading.list_events(session, request_id, client_id=None, after=None, limit=EVENTS_MAX + 1)
    _check_length(len(ledger), decisions=sum(bool(event.facts) for event in ledger))
    events = sorted(
        ledger, key=lambda event: (event.type is not EventType.OPENED, event.received_at, event.id)
    )
    known = [event for event in events if event.received_at <= until and _is_told(event)]
    if not known:
        raise SimulationInvalid([Fault("/at", "The request was not received yet at that instant.")])
    client = None if request.client_id is None else await tenants.get_client(session, request.client_id)
    service = None if request.service_id is None else await tenants.get_service(session, request.service_id)
    of_groups = await groups.calendars_of_groups(session)
    request = domain.as_of(request, domain.in_order(ledger), after=0)
    told = await asyncio.to_thread(
        tellings.retold, request, known, client=client, service=service, groups=of_groups
    )
    _check_length(len(known), decisions=len(told.points))
    return told, client


def _is_told(event: RequestEvent) -> bool:
    """Did its source tell of it? What policies have done to it is what is looked for."""
    return event.repinned is None and event.type is not EventType.RATIONALIZED


def _check_length(events: int, *, decisions: int) -> None:
    if events > EVENTS_MAX or decisions > chunks.DECISIONS_MAX:
        detail = (
            f"More than {EVENTS_MAX} things happened to the request, or it is decided on more than"
            f" {chunks.DECISIONS_MAX} times; try its `facts` instead."
        )
        raise SimulationInvalid([Fault("/request_id", detail)])


async def _told_of_submission(
    session: TenantSession, submission: Submission, caller: Caller, *, now: datetime
) -> tuple[Told, Client | None]:
    client = None if submission.client is None else await tenants.find_client(session, submission.client)
    service = None if submission.service is None else await tenants.find_service(session, submission.service)
    taken = await checking.taken(session, submission)
    if taken.faults:
        found = [replace(fault, pointer=f"/submission{fault.pointer}") for fault in taken.faults]
        raise SimulationInvalid(found)
    if service is None and taken.service_id is not None:
        service = await tenants.get_service(session, taken.service_id)
    request = intake.new_request(submission, taken, Context(client, service), caller, now)
    opened = intake.opened(submission, now)
    of_groups = await groups.calendars_of_groups(session)
    return tellings.retold(request, [opened], client=client, service=service, groups=of_groups), client


def _nested(given: Facts) -> Mapping[str, Any]:
    """The facts, some of which may go by their dotted names, in the shape of a request's snapshot."""
    return deciding.overlaid({}, dict(sorted(given.items(), key=lambda fact: fact[0].count("."))))


def _imagined(at: datetime) -> tuple[Request, RequestEvent]:
    """A request of which nothing is known but its facts."""
    request = Request(
        id=RequestId(NOBODY),
        client_id=None,
        service_id=None,
        source_client_id=None,
        contact_id=None,
        source="",
        external_id="",
        type=RequestType.OTHER,
        title=None,
        state=State.OPEN,
        facts={},
        opened_at=at,
        received_at=at,
        sequence=0,
    )
    opened = RequestEvent(
        id=EventId(NOBODY),
        type=EventType.OPENED,
        occurred_at=at,
        source_sequence=0,
        received_at=at,
        state=State.OPEN,
    )
    return request, opened


def _client_of(given: Mapping[str, Any], at: datetime) -> Client | None:
    """The client that hand-made facts speak of, as far as promises ask for it: by its calendar."""
    said = given.get("client")
    calendar = cast("Mapping[str, object]", said).get("calendar") if isinstance(said, Mapping) else None
    if not isinstance(calendar, str):
        return None
    return Client(id=ClientId(NOBODY), name="", tier=None, calendar=calendar, version=1, created_at=at)


async def _with_history(
    session: TenantSession, told: Told, reads: frozenset[str], question: Question
) -> Told:
    """The request with its history as of the instant that is asked for; hand-made facts bring their own."""
    if question.facts is not None:
        return told
    found = await history_of(session, told.request, now=question.at)(reads)
    return tellings.with_history(told, [found] * len(told.points))


async def _outcome(
    session: TenantSession,
    rulebook: Rulebook,
    trials: Sequence[Trial],
    told: Told,
    client: Client | None,
    *,
    at: datetime,
) -> Outcome:
    named = await comparing.calendars_of(session, rulebook, trials)
    engine, kinds = ReferenceEngine(budget_seconds=BUDGET_SECONDS), list(rulebook.kinds.values())
    effective = trying.by_kind(trials)
    labels: dict[UUID, str] = {trial.ref.version_id: trial.label for trial in trials}
    side = Side(engine, kinds, effective, labels=labels, calendars=named)
    rulings = [await side.ruling(point, client) for point in told.points]
    last = told.points[-1]
    decided = await deciding.decide(engine, kinds, effective, last.facts)
    judged = judging.judge(decided, client, (), decision_id=DecisionId(NOBODY), now=last.now)
    escalations = await comparing.escalations_of(session, trials)
    keys = {terms.calendar for ruling in rulings for terms in ruling.terms if terms.calendar is not None}
    keys |= {CalendarKey(str(version)) for version in escalations.hours.values()}
    working = {CalendarKey(key): await calendars.working_time(session, UUID(key)) for key in sorted(keys)}
    courses_of = partial(
        courses.course,
        told,
        [Decided(ruling.terms, ruling.climbs, ruling.effect) for ruling in rulings],
        working,
        ladders=ladders_of(escalations, working),
    )
    course = await asyncio.to_thread(courses_of, until=at)
    climbs = any(ruling.climbs for ruling in rulings)
    return Outcome(
        labels=tuple(trial.label for trial in trials),
        decision=judged.decision,
        ruling=rulings[-1],
        course=course,
        climbed=(await asyncio.to_thread(courses_of, until=at + FORESEEN)).climbed
        if climbs
        else course.climbed,
        why=tuple(rules.explained(rulebook.kinds, effective, judged.decision.answers, judged.decision.given)),
    )

"""What is put on record for a gate, as it is written in JSON, and what may be wrong with it. Pure."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

import msgspec

from service import instants
from service.errors import Fault
from service.instants import rfc3339
from service.rationalization.gates.domain.windows import Planned, Unclear

STEPS_MAX = 100
NOTICES_MAX = 100
RECIPIENTS_MAX = 50
ANSWERS_MAX = 50
SECONDS_MAX = 366 * 86_400

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=r"\S")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S")]
Link = Annotated[str, msgspec.Meta(max_length=2_000)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=SECONDS_MAX)]
Offset = Annotated[int, msgspec.Meta(ge=-SECONDS_MAX, le=SECONDS_MAX)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

SECURE = re.compile(r"https://[^\s<>\"@/?#]+([/?#][^\s<>\"]*)?")
"""An address of the web, in which no name or password of anybody stands."""


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be recorded, and no more."""


class PlanStep(_Form, frozen=True, kw_only=True):
    """One step back: what is done, by whom, and how long that takes."""

    what: Words
    who: Title
    seconds: Seconds


class RollbackPlan(_Form, frozen=True, kw_only=True, tag_field="kind", tag="rollback_plan"):
    """How it is undone.

    Attributes:
        trigger: when one goes back.
        point_of_no_return: from when on one cannot; null says that there is none.
        duration_seconds: how long all of it takes, steps done side by side included.
    """

    steps: Annotated[list[PlanStep], msgspec.Meta(min_length=1, max_length=STEPS_MAX)]
    trigger: Words
    point_of_no_return: Words | None
    duration_seconds: Seconds


class TestEvidence(_Form, frozen=True, kw_only=True, tag_field="kind", tag="test_evidence"):
    """What was tried, where, when, by whom, and how it went; a test that failed satisfies nothing.

    Attributes:
        link: where the proof lies; https only.
        reference: what the proof is called where it has no link.
    """

    what: Words
    where: Title
    at: Moment
    by: Title
    result: Literal["passed", "failed"]
    notes: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    link: Link | None = None
    reference: Title | None = None


class Notice(_Form, frozen=True, kw_only=True):
    """Who is told, when, by whom, and how.

    Attributes:
        groups: of the tenant, by name.
        client: whether the client organization is told.
        others: whoever else.
        phase: of the work.
        at: when; or else `offset_seconds`, counted from the planned start.
        by: who tells.
    """

    groups: Annotated[list[Title], msgspec.Meta(max_length=RECIPIENTS_MAX)] = []
    client: bool = False
    others: Annotated[list[Title], msgspec.Meta(max_length=RECIPIENTS_MAX)] = []
    channel: Title
    phase: Literal["before", "during", "after"]
    at: Moment | None = None
    offset_seconds: Offset | None = None
    by: Title


class CommunicationPlan(_Form, frozen=True, kw_only=True, tag_field="kind", tag="communication_plan"):
    """Who is told of it, and when."""

    notices: Annotated[list[Notice], msgspec.Meta(min_length=1, max_length=NOTICES_MAX)]


class RiskAnswers(_Form, frozen=True, kw_only=True, tag_field="kind", tag="risk_assessment"):
    """The answers to the questionnaire that the gate names, by the names of the questions."""

    answers: Annotated[dict[str, str], msgspec.Meta(max_length=ANSWERS_MAX)]


class Withdrawal(_Form, frozen=True, kw_only=True, tag_field="kind", tag="withdrawal"):
    """What was recorded last counts no more."""

    reason: Words


Document: TypeAlias = RollbackPlan | TestEvidence | CommunicationPlan | RiskAnswers | Withdrawal
WITHDRAWAL = "withdrawal"


def kind_of(document: Document) -> str:
    return str(type(document).__struct_config__.tag)


def faults_of(document: Document, planned: Planned | Unclear, now: datetime) -> list[Fault]:
    """What is wrong with a document that is of the right form.

    Args:
        document: to be recorded.
        planned: when the work is.
        now: the tenant's now.
    """
    match document:
        case RollbackPlan():
            return list(_faults_of_plan(document))
        case TestEvidence():
            return list(_faults_of_evidence(document, now))
        case CommunicationPlan(notices=notices):
            return [fault for at, notice in enumerate(notices) for fault in _faults_of(notice, at, planned)]
        case _:
            return []


def groups_of(document: Document) -> dict[str, str]:
    """The groups that are named, by their places."""
    if not isinstance(document, CommunicationPlan):
        return {}
    return {
        f"/notices/{at}/groups/{place}": name
        for at, notice in enumerate(document.notices)
        for place, name in enumerate(notice.groups)
    }


def _faults_of_plan(plan: RollbackPlan) -> Iterator[Fault]:
    longest = max(step.seconds for step in plan.steps)
    if plan.duration_seconds < longest:
        yield Fault(
            "/duration_seconds", f"One step alone takes {longest} seconds; say how long all of it takes."
        )


def _faults_of_evidence(evidence: TestEvidence, now: datetime) -> Iterator[Fault]:
    if not instants.is_usable(evidence.at):
        yield Fault("/at", instants.refusal(evidence.at))
    elif evidence.at > now:
        yield Fault("/at", f"{rfc3339(evidence.at)} is yet to come; record what was tried.")
    if evidence.link is None and evidence.reference is None:
        yield Fault("/reference", "Say where the proof lies: with `link`, or with `reference`.")
    if evidence.link is not None and SECURE.fullmatch(evidence.link) is None:
        yield Fault("/link", "A link begins with https:// and names nobody's password.")


def _faults_of(notice: Notice, at: int, planned: Planned | Unclear) -> Iterator[Fault]:
    pointer = f"/notices/{at}"
    if not (notice.groups or notice.client or notice.others):
        yield Fault(pointer, "Say who is told: with `groups`, `client` or `others`.")
    if (notice.at is None) == (notice.offset_seconds is None):
        yield Fault(pointer, "Say when: with `at`, or with `offset_seconds`, and not with both.")
        return
    if notice.at is not None and not instants.is_usable(notice.at):
        yield Fault(f"{pointer}/at", instants.refusal(notice.at))
        return
    yield from _faults_of_phase(notice, pointer, planned)


def _faults_of_phase(notice: Notice, pointer: str, planned: Planned | Unclear) -> Iterator[Fault]:
    """Whether the instant lies in the phase, as far as that can be said."""
    name = "at" if notice.at is not None else "offset_seconds"
    offset = _offset(notice, planned)
    if offset is None:
        return
    if notice.phase == "before" and offset >= timedelta():
        yield Fault(f"{pointer}/{name}", "What is told before the work is told before its planned start.")
    elif notice.phase != "before" and offset < timedelta():
        yield Fault(f"{pointer}/{name}", "It lies before the planned start; its phase is `before`.")


def _offset(notice: Notice, planned: Planned | Unclear) -> timedelta | None:
    """How long after the planned start it is told; None where that is not known."""
    if notice.offset_seconds is not None:
        return timedelta(seconds=notice.offset_seconds)
    if notice.at is None or isinstance(planned, Unclear):
        return None
    return notice.at - planned.start

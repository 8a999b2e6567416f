"""What an accident of operation is, what may be said of one, and which of its measures are behind. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.errors import Fault, pointer_to
from service.ids import AccidentId, CommitmentId, MemberId, RequestId, ServiceId
from service.instants import is_usable, refusal, rfc3339


class Affects(StrEnum):
    """What of a service an accident may affect."""

    CONTINUITY = "continuity"
    INTEGRITY = "integrity"
    ACCURACY = "accuracy"


class Measure(StrEnum):
    """What the extent of an effect is counted in."""

    MINUTES = "minutes"
    RECORDS = "records"
    USERS = "users"


class CauseClass(StrEnum):
    """Why people's operation went wrong. Nobody is named: a cause is something that can be changed."""

    SLIP = "slip"
    """The right thing was meant, and another done."""
    LAPSE = "lapse"
    """Something was forgotten."""
    MISTAKE = "mistake"
    """What was meant was not right."""
    VIOLATION = "violation"
    """A rule was known, and not kept."""
    UNCLEAR_PROCEDURE = "unclear_procedure"
    TOOLING = "tooling"
    OTHER = "other"


class State(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """All that was decided to be done was done."""
    WITHDRAWN = "withdrawn"
    """It was none: recorded by mistake, and counted nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How far one of them was affected."""

    affects: Affects
    amount: int
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    kind: CauseClass
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One measure against it.

    Attributes:
        owner_id: the member who sees to it.
        due_at: until when; None where nobody said.
        done_at: when it was done; None while it is open.
    """

    what: str
    owner_id: MemberId | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None

    def is_overdue(self, now: datetime) -> bool:
        return self.done_at is None and self.due_at is not None and self.due_at < now


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said of an accident.

    Attributes:
        severity: in the tenant's own words.
        ended_at: when the service was as before; None while it is not.
        change_id: the request by whose work it came about, where it did.
        requests: that it is linked to.
        promises: that it broke.
        because: why it stands in `state`; None for one that is open.
    """

    title: str
    what_happened: str
    service_id: ServiceId
    severity: str | None
    began_at: datetime
    found_at: datetime
    ended_at: datetime | None
    effects: tuple[Effect, ...]
    cause: Cause | None
    change_id: RequestId | None
    requests: tuple[RequestId, ...]
    promises: tuple[CommitmentId, ...]
    actions: tuple[Action, ...]
    state: State = State.OPEN
    because: str | None = None

    @property
    def next_due_at(self) -> datetime | None:
        """Until when the first of the measures that are open is to be done."""
        dues = [each.due_at for each in self.actions if each.done_at is None and each.due_at is not None]
        return min(dues, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accident:
    """One entry of the register.

    Attributes:
        recorded_by: as the audit trail calls them.
        version: grows with each change.
        sequence: how many events were told of it.
    """

    id: AccidentId
    report: Report
    recorded_by: str
    recorded_at: datetime
    version: int
    sequence: int


def faults_of(report: Report, now: datetime) -> Iterator[Fault]:
    """What cannot be so, by what the report says itself."""
    yield from _faults_of_times(report, now)
    yield from _faults_of_effects(report)
    yield from _faults_of_actions(report, now)
    yield from _faults_of_links(report)
    if report.state is State.OPEN and report.because is not None:
        yield Fault("/state_reason", "Only what is closed or withdrawn says why; leave it out.")
    if report.state is not State.OPEN and report.because is None:
        yield Fault("/state_reason", f"Say why it is {report.state.value}.")
    if report.state is State.CLOSED:
        yield from _faults_of_closing(report)


def _faults_of_times(report: Report, now: datetime) -> Iterator[Fault]:
    times = (("began_at", report.began_at), ("found_at", report.found_at), ("ended_at", report.ended_at))
    for name, at in times:
        yield from _faults_of_past(at, f"/{name}", now)
    for name, at in times[1:]:
        if at is not None and at < report.began_at:
            yield Fault(f"/{name}", "That was before it began.")


def _faults_of_past(at: datetime | None, pointer: str, now: datetime) -> Iterator[Fault]:
    if at is not None and not is_usable(at):
        yield Fault(pointer, refusal(at))
    elif at is not None and at > now:
        yield Fault(pointer, f"That lies ahead: it is {rfc3339(now)} now.")


def _faults_of_effects(report: Report) -> Iterator[Fault]:
    if not report.effects:
        detail = "Say what it affected: `continuity`, `integrity` or `accuracy`. Else it is no accident."
        yield Fault("/effects", detail)
    said = [(each.affects, each.measure) for each in report.effects]
    for at, each in enumerate(said):
        if each in said[:at]:
            yield Fault(pointer_to("/effects", at), f"{each[0].value} in {each[1].value} was said before.")


def _faults_of_actions(report: Report, now: datetime) -> Iterator[Fault]:
    for at, action in enumerate(report.actions):
        yield from _faults_of_past(action.done_at, pointer_to("/measures", at, "done_at"), now)
        if action.due_at is not None and not is_usable(action.due_at):
            yield Fault(pointer_to("/measures", at, "due_at"), refusal(action.due_at))


def _faults_of_links(report: Report) -> Iterator[Fault]:
    for name, linked in (("requests", report.requests), ("promises", report.promises)):
        for at, each in enumerate(linked):
            if each in linked[:at]:
                yield Fault(pointer_to(f"/{name}", at), "This was named before.")


def _faults_of_closing(report: Report) -> Iterator[Fault]:
    if report.ended_at is None:
        yield Fault("/ended_at", "It is closed: say when the service was as before.")
    if report.cause is None:
        yield Fault("/cause", "It is closed: say what it came of.")
    for at, action in enumerate(report.actions):
        if action.done_at is None:
            yield Fault(pointer_to("/measures", at, "done_at"), "It is closed: say when this was done.")

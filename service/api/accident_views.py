"""What HTTP accepts and shows of accidents."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from service.api.fields import Moment, Name
from service.db import TenantSession
from service.errors import Fault
from service.ids import AccidentId, CommitmentId, MemberId, RequestId, ServiceId
from service.rationalization.accidents.domain import (
    Accident,
    Action,
    Affects,
    Cause,
    CauseClass,
    Effect,
    Measure,
    Report,
    State,
)
from service.rationalization.accidents.errors import AccidentInvalid
from service.rationalization.accidents.models import AccidentEntryRow
from service.tenants import service as tenants
from service.tenants.errors import ServiceNotFound

LINKED_MAX = 100
MEASURES_MAX = 50
EFFECTS_MAX = 9

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=r"\S")]
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class EffectForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the service was affected, and how far."""

    affects: Affects
    amount: Amount
    measure: Measure

    def effect(self) -> Effect:
        return Effect(affects=self.affects, amount=self.amount, measure=self.measure)


class CauseForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it came of. Nobody needs to be named."""

    kind: CauseClass
    words: Words

    def cause(self) -> Cause:
        return Cause(kind=self.kind, words=self.words)


class MeasureForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done about it: by which member, until when, and when it was done."""

    what: Title
    owner_id: MemberId | None = None
    due_at: Moment | None = None
    done_at: Moment | None = None

    def action(self) -> Action:
        return Action(what=self.what, owner_id=self.owner_id, due_at=self.due_at, done_at=self.done_at)


class AccidentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An accident of operation, as far as it is known; `service` is a name in the register.

    `found_at` is now where that is left out. `caused_by` is the change, or another request, by whose work it
    came about; `requests` are others that it is linked to, `promises` those that it broke. `state` is `open`,
    `closed` when all is done, or `withdrawn` when it was none; the latter two say why in `state_reason`.
    """

    title: Title
    what_happened: Words
    service: Name
    severity: Name | None = None
    began_at: Moment
    found_at: Moment | None = None
    ended_at: Moment | None = None
    effects: Annotated[list[EffectForm], msgspec.Meta(max_length=EFFECTS_MAX)]
    cause: CauseForm | None = None
    caused_by: RequestId | None = None
    requests: Annotated[list[RequestId], msgspec.Meta(max_length=LINKED_MAX)] = []
    promises: Annotated[list[CommitmentId], msgspec.Meta(max_length=LINKED_MAX)] = []
    measures: Annotated[list[MeasureForm], msgspec.Meta(max_length=MEASURES_MAX)] = []
    state: State = State.OPEN
    state_reason: Words | None = None

    async def report(self, session: TenantSession, *, found_at: datetime) -> Report:
        """What is said, with the service's id. Raises AccidentInvalid."""
        return Report(
            title=self.title,
            what_happened=self.what_happened,
            service_id=await self._service(session),
            severity=self.severity,
            began_at=self.began_at,
            found_at=self.found_at or found_at,
            ended_at=self.ended_at,
            effects=tuple(each.effect() for each in self.effects),
            cause=None if self.cause is None else self.cause.cause(),
            change_id=self.caused_by,
            requests=tuple(self.requests),
            promises=tuple(self.promises),
            actions=tuple(each.action() for each in self.measures),
            state=self.state,
            because=self.state_reason,
        )

    async def _service(self, session: TenantSession) -> ServiceId:
        try:
            return (await tenants.find_service(session, self.service)).id
        except ServiceNotFound as error:
            raise AccidentInvalid([Fault("/service", str(error))]) from error


class MeasureView(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about it; `overdue` while it is not done after its due."""

    what: str
    owner_id: MemberId | None
    due_at: datetime | None
    done_at: datetime | None
    overdue: bool

    @classmethod
    def of(cls, action: Action, now: datetime) -> "MeasureView":
        return cls(
            what=action.what,
            owner_id=action.owner_id,
            due_at=action.due_at,
            done_at=action.done_at,
            overdue=action.is_overdue(now),
        )


class AccidentView(msgspec.Struct, frozen=True, kw_only=True):
    id: AccidentId
    title: str
    what_happened: str
    service_id: ServiceId
    severity: str | None
    began_at: datetime
    found_at: datetime
    ended_at: datetime | None
    effects: list[EffectForm]
    cause: CauseForm | None
    caused_by: RequestId | None
    requests: list[RequestId]
    promises: list[CommitmentId]
    measures: list[MeasureView]
    state: State
    state_reason: str | None
    recorded_by: str
    recorded_at: datetime

    @classmethod
    def of(cls, accident: Accident, now: datetime) -> "AccidentView":
        report = accident.report
        cause = report.cause
        return cls(
            id=accident.id,
            title=report.title,
            what_happened=report.what_happened,
            service_id=report.service_id,
            severity=report.severity,
            began_at=report.began_at,
            found_at=report.found_at,
            ended_at=report.ended_at,
            effects=[EffectForm(each.affects, each.amount, each.measure) for each in report.effects],
            cause=None if cause is None else CauseForm(cause.kind, cause.words),
            caused_by=report.change_id,
            requests=list(report.requests),
            promises=list(report.promises),
            measures=[MeasureView.of(each, now) for each in report.actions],
            state=report.state,
            state_reason=report.because,
            recorded_by=accident.recorded_by,
            recorded_at=accident.recorded_at,
        )


class AccidentEntryView(msgspec.Struct, frozen=True):
    """What was changed, by whom: each field as it was before and after."""

    version: int
    recorded_by: str
    recorded_at: datetime
    changes: dict[str, Any]

    @classmethod
    def of(cls, row: AccidentEntryRow) -> "AccidentEntryView":
        return cls(row.version, row.recorded_by, row.recorded_at, row.changes)

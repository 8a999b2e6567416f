"""What HTTP accepts and shows of major incidents."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from service.api.fields import Name, Text
from service.calendars import service as calendars
from service.commitments import wire
from service.commitments.domain import CalendarKey, ElapsedTarget, WorkingTarget
from service.commitments.targets import ElapsedTime, WorkingTime
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, CommitmentId, MajorIncidentId, RequestId, ServiceId
from service.requests.major_incidents.domain import ReportAudience, State
from service.requests.major_incidents.errors import MajorIncidentInvalid
from service.requests.major_incidents.models import Affected, Report
from service.requests.major_incidents.reading import Account, Glimpse
from service.requests.major_incidents.service import Change, Declaration
from service.tenants import service as tenants

NAMES_MAX = 500
TEXT_MAX = 10_000

Names = Annotated[list[Name], msgspec.Meta(max_length=NAMES_MAX)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]

HALF_AN_HOUR = ElapsedTime(seconds=30 * 60)


class ChangeMajorIncident(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`update_every` says how often it is reported: in elapsed time, or in the open time of `calendar`.

    `problem` is what the register of problems calls its cause: an id, or an address.
    """

    title: Title
    update_every: ElapsedTime | WorkingTime = HALF_AN_HOUR
    calendar: Name | None = None
    problem: Text | None = None

    def span(self) -> ElapsedTarget | WorkingTarget:
        match self.update_every:
            case ElapsedTime(seconds=seconds):
                return ElapsedTarget(seconds)
            case WorkingTime(seconds=seconds):
                return WorkingTarget(seconds)

    async def calendar_key(self, session: TenantSession) -> CalendarKey | None:
        """The calendar's present version. Raises MajorIncidentInvalid, CalendarNotFound."""
        if isinstance(self.update_every, ElapsedTime):
            if self.calendar is not None:
                raise MajorIncidentInvalid([Fault("/calendar", "Elapsed time counts by no calendar.")])
            return None
        if self.calendar is None:
            raise MajorIncidentInvalid([Fault("/calendar", "Working time needs the name of a calendar.")])
        versions = await calendars.current_versions(session, frozenset({self.calendar}))
        return CalendarKey(str(versions[self.calendar]))

    async def change(self, session: TenantSession) -> Change:
        return Change(
            title=self.title,
            problem=self.problem,
            update_every=self.span(),
            calendar=await self.calendar_key(session),
        )


class DeclareMajorIncident(ChangeMajorIncident, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A major incident, led by a request.

    Without `services` it concerns that of the request; without `clients` it affects all with an open request
    on these services. The client organization of the request is affected in any case.
    """

    request_id: RequestId
    services: Names | None = None
    clients: Names | None = None

    async def declaration(self, session: TenantSession) -> Declaration:
        services = None
        if self.services is not None:
            services = tuple([(await tenants.find_service(session, name)).id for name in self.services])
        clients = None
        if self.clients is not None:
            clients = tuple([(await tenants.find_client(session, name)).id for name in self.clients])
        return Declaration(
            request_id=self.request_id,
            title=self.title,
            services=services,
            clients=clients,
            update_every=self.span(),
            calendar=await self.calendar_key(session),
            problem=self.problem,
        )


class MajorIncidentReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it goes on, for all affected client organizations, or for the tenant's own people alone."""

    text: Words
    audience: ReportAudience = ReportAudience.CLIENTS


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that the major incident is the cause of."""

    request_id: RequestId


class AddClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client organization, by its name in the register."""

    client: Name


class EndMajorIncident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With a last report to all whom it affected, if there is one."""

    text: Words | None = None


class AffectedView(msgspec.Struct, frozen=True):
    """A client organization that it affects, the promise to report to it, and when that is due."""

    client_id: ClientId
    commitment_id: CommitmentId
    joined_at: datetime
    next_report_due_at: datetime | None

    @classmethod
    def of(cls, affected: Affected, due_at: datetime | None) -> "AffectedView":
        return cls(affected.client_id, affected.commitment_id, affected.joined_at, due_at)


class MajorIncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """A major incident. What is null to a client's application is the tenant's own affair.

    `requests` are those linked to it; to a client's application, those of its client.
    """

    id: MajorIncidentId
    title: str
    state: State
    declared_at: datetime
    ended_at: datetime | None
    next_report_due_at: datetime | None
    requests: list[RequestId]
    request_id: RequestId | None = None
    services: list[ServiceId] | None = None
    affected: list[AffectedView] | None = None
    update_every: dict[str, Any] | None = None
    calendar_version_id: str | None = None
    problem: str | None = None
    declared_by: str | None = None
    version: int | None = None

    @classmethod
    def of(cls, account: Account) -> "MajorIncidentView":
        incident = account.incident
        dues = [due_at for _, due_at in account.affected if due_at is not None]
        return cls(
            id=incident.id,
            title=incident.title,
            state=incident.state,
            declared_at=incident.declared_at,
            ended_at=incident.ended_at,
            next_report_due_at=min(dues, default=None),
            requests=list(account.requests),
            request_id=incident.request_id,
            services=list(incident.services),
            affected=[AffectedView.of(each, due_at) for each, due_at in account.affected],
            update_every=wire.target_document(incident.update_every),
            calendar_version_id=incident.calendar,
            problem=incident.problem,
            declared_by=incident.declared_by,
            version=incident.version,
        )

    @classmethod
    def glimpsed(cls, seen: Glimpse) -> "MajorIncidentView":
        return cls(
            id=seen.affected.major_incident_id,
            title=seen.affected.title,
            state=seen.affected.state,
            declared_at=seen.affected.declared_at,
            ended_at=seen.affected.ended_at,
            next_report_due_at=seen.due_at,
            requests=list(seen.requests),
        )


class ReportView(msgspec.Struct, frozen=True):
    """A report. Who wrote it is null to a client's application."""

    id: UUID
    text: str
    audience: ReportAudience
    reported_at: datetime
    reported_by: str | None

    @classmethod
    def of(cls, told: Report, *, in_full: bool) -> "ReportView":
        by = told.reported_by if in_full else None
        return cls(told.id, told.text, told.audience, told.reported_at, by)

"""HTTP for logs of past requests: parse, call one use case, render."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.problems import FaultView
from service.api.request_forms import PastRequest, Reported
from service.audit.domain import Actor
from service.backtests.cases import CaseEvent, Submitted
from service.backtests.logs import service
from service.backtests.logs.domain import EVENTS_MAX, HistoryCase, HistoryLog, LogEntry, LogState
from service.backtests.logs.errors import HistoryCasesInvalid
from service.backtests.logs.service import Fate, Taken
from service.db import TenantSession
from service.errors import Fault
from service.ids import HistoryLogId

CASES_MAX = 500
"""How many cases one call may bring."""

FAULTS_MAX = 20

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class CreateHistoryLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A log of past requests to be, without cases as yet."""

    name: Name
    source: Annotated[Name, msgspec.Meta(description="The ticket system that all its cases come from.")]
    mapping_sha256: Annotated[
        Sha256 | None, msgspec.Meta(description="Of the mapping that it is read by, for whoever goes on.")
    ] = None

    def entry(self) -> LogEntry:
        return LogEntry(name=self.name, source=self.source, mapping_sha256=self.mapping_sha256)


class ImportedCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request of the past as it would have been submitted, and what happened to it, in that order.

    The submission and every event say when: `occurred_at`.
    """

    submission: PastRequest
    events: Annotated[list[Reported], msgspec.Meta(max_length=EVENTS_MAX)] = []

    def faults(self, place: str) -> Iterator[Fault]:
        """Where it does not say when: what happened in the past did not happen now."""
        for step, said in (
            ("submission", self.submission),
            *((f"events/{at}", each) for at, each in enumerate(self.events)),
        ):
            if said.occurred_at is None:
                yield Fault(f"{place}/{step}/occurred_at", "Say when it happened.")

    def case(self, now: datetime) -> HistoryCase:
        return HistoryCase(
            msgspec.convert(self.submission, Submitted, from_attributes=True),
            tuple(msgspec.convert(each.report(now), CaseEvent, from_attributes=True) for each in self.events),
        )


class ImportCases(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some cases of a log: as many at once as a body may hold."""

    cases: Annotated[list[ImportedCase], msgspec.Meta(min_length=1, max_length=CASES_MAX)]

    def read(self, now: datetime) -> list[HistoryCase]:
        """The cases. Raises HistoryCasesInvalid."""
        faults = [fault for at, case in enumerate(self.cases) for fault in case.faults(f"/cases/{at}")]
        if faults:
            raise HistoryCasesInvalid(faults[:FAULTS_MAX])
        return [case.case(now) for case in self.cases]


class CompleteHistoryLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`bad_rows`: how many rows of the file could not be used."""

    bad_rows: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0


class HistoryLogView(msgspec.Struct, frozen=True):
    """A log of past requests, as far as it was brought in: `open`, then `complete`."""

    id: HistoryLogId
    name: str
    source: str
    mapping_sha256: str | None
    state: LogState
    cases: int
    events: int
    bad_rows: int
    first_at: datetime | None
    last_at: datetime | None
    version: int
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, log: HistoryLog) -> "HistoryLogView":
        return msgspec.convert(log, cls, from_attributes=True)


class TakenCaseView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one case: `added`, or `known`: the log has exactly this one already.

    `different`: the log has another one of this `external_id`, which stays as it is. `refused`: see `errors`.
    """

    external_id: str
    fate: Fate
    errors: list[FaultView] = []

    @classmethod
    def of(cls, taken: Taken) -> "TakenCaseView":
        return cls(taken.external_id, taken.fate, [FaultView.of(fault) for fault in taken.faults])


class TakenCasesView(msgspec.Struct, frozen=True):
    """The log after the cases, and what became of each of them, in their order."""

    log: HistoryLogView
    cases: list[TakenCaseView]


class HistoryLogController(Controller):
    path = "/v1/history-logs"
    tags = ("Backtests",)

    @post("/", operation_id="createHistoryLog")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateHistoryLog],
    ) -> Response[HistoryLogView]:
        """Begin a log of past requests, to try policies on. Nothing is promised of what is in it."""

        async def effect() -> Response[HistoryLogView]:
            log = await service.create(session, actor, data.entry(), now=now)
            address = f"/v1/history-logs/{log.id}"
            return conditional.created(HistoryLogView.of(log), tag=_tag(log), address=address)

        return await once(effect)

    @get("/", operation_id="listHistoryLogs")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        name: Annotated[str | None, QueryParameter(description="Only the one that is called so.")] = None,
    ) -> Response[Page[HistoryLogView]]:
        """List the logs of past requests, oldest first."""
        found = await service.list_logs(session, name=name, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda log: log.id, view=HistoryLogView.of)

    @get("/{log_id:uuid}", operation_id="getHistoryLog")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        log_id: FromPath[HistoryLogId],
    ) -> Response[HistoryLogView]:
        """Show one log of past requests."""
        log = await service.get(session, log_id)
        return conditional.respond(request, HistoryLogView.of(log), tag=_tag(log))

    @post("/{log_id:uuid}/cases", status_code=200, operation_id="importCases")
    async def import_cases(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        log_id: FromPath[HistoryLogId],
        data: JSONBody[ImportCases],
    ) -> TakenCasesView:
        """Add cases to an open log, each once by its `external_id`, and say of each what became of it.

        Repeating the request does no harm, so it needs no Idempotency-Key.
        """
        log, taken = await service.fill(session, actor, log_id, data.read(now), now=now)
        return TakenCasesView(HistoryLogView.of(log), [TakenCaseView.of(each) for each in taken])

    @post("/{log_id:uuid}/complete", status_code=200, operation_id="completeHistoryLog")
    async def complete(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        log_id: FromPath[HistoryLogId],
        data: JSONBody[CompleteHistoryLog],
    ) -> Response[HistoryLogView]:
        """Say that all cases are there: only then can a backtest use the log, and it changes no more.

        Repeating the request does no harm, so it needs no Idempotency-Key.
        """
        log = await service.complete(session, actor, log_id, bad_rows=data.bad_rows, now=now)
        return Response(HistoryLogView.of(log), headers={"ETag": _tag(log)})

    @delete("/{log_id:uuid}", operation_id="deleteHistoryLog", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        log_id: FromPath[HistoryLogId],
    ) -> None:
        """Remove a log with all its cases, unless a backtest runs on it. Results of backtests stay."""
        precondition.check(_tag(await service.get(session, log_id, lock=True)))
        await service.remove(session, actor, log_id, now=now)


def _tag(log: HistoryLog) -> str:
    return conditional.etag(log.id, log.version)

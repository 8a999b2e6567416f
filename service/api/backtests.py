"""HTTP for backtests: parse, call one use case, render."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from service.api import background, backtest_sheets
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.backtests import service
from service.backtests.basis import Basis
from service.backtests.domain import OPEN, Backtest, ChangeKind, State
from service.backtests.spec import BacktestSpec
from service.db import Sessions, TenantSession
from service.ids import BacktestId, PolicyId
from service.rules.service import Rulebook

CSV = "text/csv"

Kind = Annotated[
    ChangeKind | None, QueryParameter(name="kind", description="Only those that differ in this.")
]


class CreateBacktest(BacktestSpec, frozen=True, forbid_unknown_fields=True):
    """What is tried on which history: policies, calendars, types. Nothing is decided or promised by it."""


class ComparedView(msgspec.Struct, frozen=True):
    """One version of one side of the comparison; version 0 is a document that was not saved."""

    kind: str
    label: str
    policy_id: PolicyId
    version: int


class TriedCalendarView(msgspec.Struct, frozen=True):
    """A calendar that is tried in the place of the current version; without a version it was not saved."""

    name: str
    version: int | None


class TriedTypeView(msgspec.Struct, frozen=True):
    """A type of request that is tried in the place of others; without a version it was not saved."""

    name: str
    version: int | None


class BacktestView(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest, and how far it has got. `before` is what was in effect when it was made."""

    id: BacktestId
    name: str
    state: State
    history: dict[str, Any]
    before: list[ComparedView]
    after: list[ComparedView]
    calendars: list[TriedCalendarView]
    types: list[TriedTypeView]
    total: int
    done: int
    decisions: int
    decisions_per_second: float | None
    changed: int
    failure: str | None
    created_at: datetime
    began_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, backtest: Backtest) -> "BacktestView":
        return cls(**_fields(backtest))


class BacktestResultView(BacktestView, frozen=True, kw_only=True):
    """A backtest with its result, which is there once it is done."""

    result: dict[str, Any] | None

    @classmethod
    def of(cls, backtest: Backtest) -> "BacktestResultView":
        result = None if backtest.result is None else dict(backtest.result)
        return cls(**_fields(backtest), result=result)


class SideView(msgspec.Struct, frozen=True):
    """What follows on one side. `rules` are those of the first decision from which something else follows.

    `proposal` is what else the verdict says, `gates` what it requires; `windows` says where those of them
    stand that a calendar judges, by when the work is planned.
    """

    verdict: str
    ladders: list[str]
    rules: dict[str, list[str]]
    promises: list[dict[str, Any]]
    notices: list[dict[str, Any]] = []
    reason: str | None = None
    proposal: dict[str, Any] = {}
    gates: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []


class ChangeView(msgspec.Struct, frozen=True):
    """A request that differs, and in what.

    `agreements_left_out` counts the counter-proposals that were accepted then, and that not both sides make.
    """

    id: UUID
    source: str
    external_id: str
    opened_at: datetime
    decided_at: datetime
    kinds: list[ChangeKind]
    before: SideView
    after: SideView
    agreements_left_out: int = 0


class BacktestController(Controller):
    path = "/v1/backtests"
    tags = ("Backtests",)

    @post("/", status_code=202, operation_id="createBacktest")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateBacktest],
    ) -> Response[BacktestView]:
        """Queue a backtest. It changes nothing but itself; ask for it again to see how far it has got."""

        async def effect() -> Response[BacktestView]:
            backtest = await service.create(session, rulebook, actor, data, now=now)
            view, address = BacktestView.of(backtest), f"/v1/backtests/{backtest.id}"
            return background.accepted(view, address=address)

        return await once(effect, status_code=202)

    @get("/", operation_id="listBacktests")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[BacktestView]]:
        """List backtests, the newest first, without their results."""
        found = await service.list_all(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda backtest: backtest.id, view=BacktestView.of)

    @get("/{backtest_id:uuid}", operation_id="getBacktest")
    async def get_one(
        self, session: NamedDependency[TenantSession], backtest_id: FromPath[BacktestId]
    ) -> Response[BacktestResultView]:
        """Show a backtest, and its result once it is done; until then `Retry-After` says when to ask."""
        backtest = await service.get(session, backtest_id)
        view = BacktestResultView.of(backtest)
        return background.progress(view, is_under_way=backtest.state in OPEN)

    @get("/{backtest_id:uuid}/changes", operation_id="listBacktestChanges")
    async def list_changes(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        backtest_id: FromPath[BacktestId],
        kind: Kind = None,
    ) -> Response[Page[ChangeView]]:
        """List the requests that differ, in the order of the history. The result says how many are listed."""
        found = await service.changes(
            session, backtest_id, kind=kind, after=paging.after(int), limit=paging.sought
        )
        return paging.page(found, position=lambda placed: placed[0], view=_change)

    @get(
        "/{backtest_id:uuid}/changes.csv",
        operation_id="exportBacktestChanges",
        media_type=CSV,
    )
    async def export_changes(
        self,
        session: NamedDependency[TenantSession],
        sessions: NamedDependency[Sessions],
        backtest_id: FromPath[BacktestId],
        kind: Kind = None,
    ) -> Stream:
        """Show the requests that differ as a sheet (CSV), in the order of the history."""
        await service.get(session, backtest_id)
        lines = backtest_sheets.lines(sessions, session.tenant_id, backtest_id, kind=kind)
        attachment = f'attachment; filename="backtest-{backtest_id}.csv"'
        return Stream(lines, media_type=CSV, headers={"Content-Disposition": attachment})

    @post("/{backtest_id:uuid}/cancel", status_code=200, operation_id="cancelBacktest")
    async def cancel(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        backtest_id: FromPath[BacktestId],
    ) -> Response[BacktestView]:
        """Stop a backtest. What it has found so far is listed; it has no result."""

        async def effect() -> Response[BacktestView]:
            return Response(BacktestView.of(await service.cancel(session, actor, backtest_id, now=now)))

        return await once(effect, status_code=200)

    @delete("/{backtest_id:uuid}", operation_id="deleteBacktest", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        backtest_id: FromPath[BacktestId],
    ) -> None:
        """Delete a backtest that has ended, with all that it found."""
        await service.remove(session, actor, backtest_id, now=now)


def _fields(backtest: Backtest) -> dict[str, Any]:
    basis, spec = Basis.read(backtest.basis), msgspec.convert(backtest.spec, BacktestSpec)
    before, after = (
        [ComparedView(each.kind, each.label, PolicyId(each.policy_id), each.version) for each in side]
        for side in (basis.before, basis.after)
    )
    return {
        "id": backtest.id,
        "name": backtest.name,
        "state": backtest.state,
        "history": dict(backtest.spec["history"]),
        "before": before,
        "after": after,
        "calendars": [TriedCalendarView(each.name, each.version) for each in spec.tried_calendars],
        "types": [
            TriedTypeView(trial.name, each.version)
            for trial, each in zip(basis.types, spec.types, strict=True)
        ],
        "total": backtest.total,
        "done": backtest.done,
        "decisions": backtest.decisions,
        "decisions_per_second": backtest.decisions_per_second,
        "changed": backtest.changed,
        "failure": backtest.failure,
        "created_at": backtest.created_at,
        "began_at": backtest.began_at,
        "ended_at": backtest.ended_at,
    }


def _change(placed: tuple[int, Mapping[str, Any]]) -> ChangeView:
    return msgspec.convert(placed[1], ChangeView)

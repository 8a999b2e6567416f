"""HTTP for the checklists of requests: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api.idempotency import Once
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import RequestId
from service.rationalization.catalogue.domain import Checked, FiveS, Item, ItemKind, Mark, Outcome
from service.requests import checking
from service.requests.checking import Noted
from service.requests.service import Caller

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=r"\S")]


class NoteChecklistItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of an item. That it does not apply needs a reason."""

    outcome: Outcome
    reason: Words | None = None
    evidence: Annotated[
        Words | None, msgspec.Meta(description="What shows it: a reading, a link, the name of a record.")
    ] = None

    def noted(self, item: str) -> Noted:
        return Noted(item=item, outcome=self.outcome, reason=self.reason, evidence=self.evidence)


class MarkView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was noted of an item last. A client's application is told that, and not by whom or why."""

    outcome: Outcome
    recorded_at: datetime
    by: str | None = None
    reason: str | None = None
    evidence: str | None = None

    @classmethod
    def of(cls, mark: Mark, *, in_full: bool) -> "MarkView":
        if not in_full:
            return cls(outcome=mark.outcome, recorded_at=mark.recorded_at)
        return cls(
            outcome=mark.outcome,
            recorded_at=mark.recorded_at,
            by=mark.by,
            reason=mark.reason,
            evidence=mark.evidence,
        )


class ChecklistItemView(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at; `part` says which part of 5S, null of the other kinds."""

    name: str
    title: str
    kind: ItemKind
    part: FiveS | None
    obligatory: bool
    noted: MarkView | None

    @classmethod
    def of(cls, item: Item, mark: Mark | None, *, in_full: bool) -> "ChecklistItemView":
        return cls(
            name=item.name,
            title=item.title,
            kind=item.kind,
            part=item.part,
            obligatory=item.obligatory,
            noted=None if mark is None else MarkView.of(mark, in_full=in_full),
        )


class ChecklistStepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the work, who does it, and its items."""

    name: str
    title: str
    role: str | None
    group: str | None
    items: list[ChecklistItemView]

    @classmethod
    def of(cls, checked: Checked, *, in_full: bool) -> "ChecklistStepView":
        step = checked.step
        return cls(
            name=step.name,
            title=step.title,
            role=step.role,
            group=step.group,
            items=[
                ChecklistItemView.of(item, checked.marks.get(item.name), in_full=in_full)
                for item in step.items
            ],
        )


class ChecklistView(msgspec.Struct, frozen=True):
    """The steps of a request's work. There are none where its type has none, or it has no type."""

    request_id: RequestId
    steps: list[ChecklistStepView]

    @classmethod
    def of(cls, request_id: RequestId, found: list[Checked], *, in_full: bool) -> "ChecklistView":
        return cls(request_id, [ChecklistStepView.of(each, in_full=in_full) for each in found])


class ChecklistController(Controller):
    path = "/v1/requests/{request_id:uuid}/checklist"
    tags = ("Request types",)

    @get("/", operation_id="getChecklist")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> ChecklistView:
        """Show the steps of a request's work, with what was noted of the items of each."""
        found = await checking.checklist(session, request_id, client_id=caller.client_id)
        return ChecklistView.of(request_id, found, in_full=caller.client_id is None)

    @post("/{item:str}", status_code=200, operation_id="noteChecklistItem")
    async def note(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        request_id: FromPath[RequestId],
        item: FromPath[str],
        data: JSONBody[NoteChecklistItem],
    ) -> Response[ChecklistView]:
        """Note what came of an item. What was noted before stays on record; the last that was noted holds."""

        async def effect() -> ChecklistView:
            found = await checking.note(session, actor, request_id, data.noted(item), now=now)
            return ChecklistView.of(request_id, found, in_full=True)

        return await once(effect, status_code=200)

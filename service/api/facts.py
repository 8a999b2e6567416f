"""HTTP for the facts that rules may read: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import FactId
from service.rules.facts import service
from service.rules.facts.domain import DESCRIPTION_CHARACTERS_MAX, UNIT_CHARACTERS_MAX, FactEntry, OwnFact
from service.rules.language.declare import NAME_LENGTH_MAX
from service.rules.vocabulary import FACTS, Fact, Source

FactName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=NAME_LENGTH_MAX,
        description="`request.custom.<name>`, or `client.custom.<name>` for the profile of a client.",
    ),
]
TypeText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, description="Such as `string`, `int`, `list<string>`.")
]
Values = Annotated[
    list[bool | int | float | str] | None,
    msgspec.Meta(description="The only values that it takes; null when any of its type may come."),
]
UnitText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=UNIT_CHARACTERS_MAX, description="What a number counts.")
]
Description = Annotated[str, msgspec.Meta(min_length=1, max_length=DESCRIPTION_CHARACTERS_MAX)]


class ChangeFact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of a fact. Its name stays."""

    type: TypeText
    values: Values = None
    unit: UnitText | None = None
    description: Description

    def entry(self, name: str) -> FactEntry:
        return FactEntry(
            name=name, type=self.type, values=self.values, unit=self.unit, description=self.description
        )


class DeclareFact(ChangeFact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fact of the tenant's own, which all of its policies may read."""

    name: FactName


class FactView(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that rules may read. One that every tenant has has no `id`."""

    id: FactId | None
    name: str
    type: str
    values: list[Any] | None
    unit: str | None
    source: Source
    description: str
    version: int | None
    created_at: datetime | None

    @classmethod
    def of(cls, fact: OwnFact) -> "FactView":
        entry = fact.entry
        return cls(
            id=fact.id,
            name=entry.name,
            type=entry.type,
            values=None if entry.values is None else list(entry.values),
            unit=entry.unit,
            source=Source.TENANT,
            description=entry.description,
            version=fact.version,
            created_at=fact.created_at,
        )

    @classmethod
    def of_all_tenants(cls, name: str, fact: Fact) -> "FactView":
        return cls(
            id=None,
            name=name,
            type=str(fact.type),
            values=None if fact.values is None else list(fact.values),
            unit=fact.unit,
            source=fact.source,
            description=fact.description,
            version=None,
            created_at=None,
        )


class FactController(Controller):
    path = "/v1/facts"
    tags = ("Facts",)

    @get("/", operation_id="listFacts")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[FactView]]:
        """List the facts that rules may read, by name: those of all tenants, and the tenant's own."""
        own = [FactView.of(fact) for fact in await service.list_all(session)]
        views = sorted(
            [*own, *(FactView.of_all_tenants(name, fact) for name, fact in FACTS.items())],
            key=lambda view: view.name,
        )
        after = paging.after(str)
        found = [view for view in views if after is None or view.name > after][: paging.sought]
        return paging.page(found, position=lambda view: view.name, view=lambda view: view)

    @post("/", operation_id="declareFact")
    async def declare(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[DeclareFact],
    ) -> Response[FactView]:
        """Declare a fact of your own. Versions of policies that are saved from now on may read it."""

        async def effect() -> Response[FactView]:
            fact = await service.declare(session, actor, data.entry(data.name), now=now)
            return conditional.created(FactView.of(fact), tag=_tag(fact), address=f"/v1/facts/{fact.id}")

        return await once(effect)

    @get("/{fact_id:uuid}", operation_id="getFact")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        fact_id: FromPath[FactId],
    ) -> Response[FactView]:
        """Show one of your own facts."""
        fact = await service.get(session, fact_id)
        return conditional.respond(request, FactView.of(fact), tag=_tag(fact))

    @put("/{fact_id:uuid}", operation_id="changeFact")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        fact_id: FromPath[FactId],
        data: JSONBody[ChangeFact],
    ) -> Response[FactView]:
        """Replace what is said of a fact. Versions that were saved before keep what was said then."""
        held = await service.get(session, fact_id, lock=True)
        precondition.check(_tag(held))
        changed = await service.change(session, actor, fact_id, data.entry(held.entry.name), now=now)
        return Response(FactView.of(changed), headers={"ETag": _tag(changed)})

    @delete("/{fact_id:uuid}", operation_id="deleteFact", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        fact_id: FromPath[FactId],
    ) -> None:
        """Remove a fact that no policy reads which is in effect, or will be."""
        precondition.check(_tag(await service.get(session, fact_id, lock=True)))
        await service.remove(session, actor, fact_id, now=now)


def _tag(fact: OwnFact) -> str:
    return conditional.etag(fact.id, fact.version)

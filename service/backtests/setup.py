"""What a process is told before it judges, so that it needs nothing else: no settings, no database."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from service.backtests.basis import NO_ESCALATIONS, Escalations, Version
from service.backtests.chunks import Comparison
from service.backtests.climbing import Ladders
from service.backtests.matcher import InProcess
from service.backtests.ruling import Side
from service.backtests.typed import Types
from service.calendars import service as calendars
from service.calendars.domain import WorkingTime, zones
from service.calendars.service import CalendarSource
from service.commitments.domain import CalendarKey
from service.escalations.ladders import wire
from service.rationalization.catalogue.trying import TypeTrial
from service.requests.kinds import KINDS
from service.rules import documents
from service.rules.deciding import Effective
from service.rules.domain import Saved
from service.rules.matching import Engine, RuleSet
from service.rules.reference import ReferenceEngine

EngineName = Literal["durable", "reference"]


class Setup(msgspec.Struct, frozen=True):
    """What is compared, in full.

    Attributes:
        saved: the content of each version, by its id.
        tried: the versions of calendars that stand in the place of those on the side that is tried.
        offered: types of request, for a history that does not know its own.
        types: those that are tried.
        sources: what each calendar version is computed from, by its id.
        engine: what matches the rules; whichever it is, the result is the same.
        rulings_kept: see `ruling.Side`.
    """

    before: list[Version]
    after: list[Version]
    saved: dict[UUID, Saved]
    calendars: dict[str, UUID]
    sources: dict[UUID, CalendarSource]
    until: datetime
    escalations: Escalations = NO_ESCALATIONS
    tried: dict[str, UUID] = {}
    offered: list[TypeTrial] = []
    types: list[TypeTrial] = []
    engine: EngineName = "durable"
    rulings_kept: int = 20_000


class Compiled(Mapping[CalendarKey, WorkingTime]):
    """Calendar versions, each compiled when it is first asked for."""

    def __init__(self, sources: Mapping[UUID, CalendarSource]) -> None:
        self._sources = {CalendarKey(str(version_id)): source for version_id, source in sources.items()}
        self._compiled: dict[CalendarKey, WorkingTime] = {}

    def __getitem__(self, key: CalendarKey) -> WorkingTime:
        if key not in self._compiled:
            self._compiled[key] = calendars.compiled_from(self._sources[key])
        return self._compiled[key]

    def __iter__(self) -> Iterator[CalendarKey]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def comparison(setup: Setup) -> Comparison:
    """Read all of it. The engine of both sides is one, in this process."""
    reference, compiled = ReferenceEngine(is_rationed=False), Compiled(setup.sources)
    engine: Engine = reference if setup.engine == "reference" else InProcess(reference)
    return Comparison(
        before=_side(setup, setup.before, setup.calendars, engine),
        after=_side(setup, setup.after, setup.calendars | setup.tried, engine),
        types=(Types.of(setup.offered), Types.of([*setup.offered, *setup.types])),
        calendars=compiled,
        until=setup.until,
        ladders=ladders_of(setup.escalations, compiled),
    )


def ladders_of(escalations: Escalations, compiled: Mapping[CalendarKey, WorkingTime]) -> Ladders:
    """The ladders, ready to climb."""
    hours = {name: compiled[CalendarKey(str(version))] for name, version in escalations.hours.items()}
    return Ladders(
        {name: wire.from_document(written) for name, written in escalations.ladders.items()},
        {name: plan.rota(zones.zone(plan.zone), hours) for name, plan in escalations.rotas.items()},
        hours,
    )


def _side(setup: Setup, versions: list[Version], calendars: Mapping[str, UUID], engine: Engine) -> Side:
    policies: dict[str, list[Effective]] = {}
    for version in versions:
        policies.setdefault(version.kind, []).append(_effective(version, setup.saved[version.version_id]))
    return Side(
        engine,
        list(KINDS.values()),
        policies,
        labels={version.version_id: version.label for version in versions},
        calendars=calendars,
        rulings_kept=setup.rulings_kept,
    )


def _effective(version: Version, saved: Saved) -> Effective:
    document = documents.read(saved.document, KINDS[version.kind], own=saved.declared, is_kept=True)
    conditions = tuple(rule.condition for rule in document.rules)
    return Effective(version.ref, document, RuleSet(str(version.version_id), conditions))

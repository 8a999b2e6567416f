"""What a backtest compares, as it is kept: which versions stand on either side, and what they count by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service.calendars.service import CalendarSource
from service.escalations.rotas.domain import Plan
from service.ids import PolicyId, PolicyVersionId
from service.rationalization.catalogue.trying import TypeTrial
from service.rules.domain import VersionRef
from service.rules.trying import Trial


class Version(msgspec.Struct, frozen=True):
    """One version of one side.

    Attributes:
        candidate: the place of its document in the `policies` of the spec, where it was not saved.
    """

    kind: str
    label: str
    policy_id: UUID
    version_id: UUID
    version: int
    candidate: int | None = None

    @classmethod
    def of(cls, trial: Trial, candidate: int | None) -> "Version":
        ref = trial.ref
        return cls(trial.kind, trial.label, ref.policy_id, ref.version_id, ref.version, candidate)

    @property
    def ref(self) -> VersionRef:
        return VersionRef(
            policy_id=PolicyId(self.policy_id),
            version_id=PolicyVersionId(self.version_id),
            version=self.version,
        )


class Escalations(msgspec.Struct, frozen=True):
    """The ladders that policies name, and what they go by, as they stood when the backtest was made.

    Attributes:
        ladders: as they are written, by name; of those that there are.
        rotas: by name.
        hours: the version of each calendar that ladders and rotas name, by its name.
    """

    ladders: dict[str, dict[str, Any]] = {}
    rotas: dict[str, Plan] = {}
    hours: dict[str, UUID] = {}


NO_ESCALATIONS = Escalations()


class Basis(msgspec.Struct, frozen=True):
    """What is compared on which requests.

    Attributes:
        before: the versions in effect when the backtest was made, of each kind in their order.
        after: those that are tried, likewise.
        calendars: the version of each calendar by its name: those current when the backtest was made.
        tried: the versions of those calendars that are tried instead, likewise.
        sources: what those of them are computed from that are not saved.
        history: the facts of history that some version reads, and that are asked for again.
        declared: the tenant's own facts, for documents that were not saved.
        offered: the types of request that were offered then, where the history does not know its own: a log.
        types: those that are tried.
        until: as of when promises are looked at; what came later is left aside.
    """

    before: list[Version]
    after: list[Version]
    calendars: dict[str, UUID]
    history: list[str]
    declared: dict[str, Any]
    until: datetime
    escalations: Escalations = NO_ESCALATIONS
    tried: dict[str, UUID] = {}
    sources: dict[UUID, CalendarSource] = {}
    offered: list[TypeTrial] = []
    types: list[TypeTrial] = []

    def to_json(self) -> dict[str, Any]:
        return msgspec.to_builtins(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Basis":
        return msgspec.convert(stored, cls)

    @property
    def calendar_versions(self) -> set[UUID]:
        """The saved versions of all calendars that anything counts by."""
        known = {*self.calendars.values(), *self.tried.values(), *self.escalations.hours.values()}
        return known - self.sources.keys()

    @property
    def saved(self) -> Sequence[UUID]:
        """The versions whose documents are stored."""
        return [each.version_id for each in (*self.before, *self.after) if each.candidate is None]

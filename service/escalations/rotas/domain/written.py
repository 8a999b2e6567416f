"""What is written of a rota, and what is agreed beside it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from service import instants
from service.errors import Fault, pointer_to
from service.escalations.rotas.domain.duty import Override, Rota
from service.escalations.rotas.domain.turns import Hours, Rotation, Unit
from service.ids import MemberId, RotaFeedId, RotaId, RotaOverrideId

LAYERS_MAX = 10
MEMBERS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A rotation as it is written.

    Attributes:
        first_handover: the local time at which the first turn begins, without an offset.
        hours: the name of the calendar in whose open time alone the layer counts; None for always.
    """

    name: str
    members: tuple[MemberId, ...]
    length: int
    unit: Unit
    first_handover: datetime
    ends_at: datetime | None = None
    hours: str | None = None

    def rotation(self, hours: Mapping[str, Hours]) -> Rotation:
        return Rotation(
            name=self.name,
            members=self.members,
            length=self.length,
            unit=self.unit,
            first_handover=self.first_handover,
            ends_at=self.ends_at,
            hours=None if self.hours is None else hours[self.hours],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRota:
    """A rota as it stands.

    Attributes:
        zone: the name of the time zone whose clock the handovers stand on.
        layers: the lowest first.
        version: grows with each change, also of what is agreed beside the layers.
    """

    id: RotaId
    name: str
    zone: str
    layers: tuple[Layer, ...]
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that the shifts of a rota are computed from but the calendars that its layers name.

    Attributes:
        zone: the name of a time zone.
    """

    zone: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()
    absent: frozenset[MemberId] = frozenset()

    def rota(self, zone: tzinfo, hours: Mapping[str, Hours]) -> Rota:
        """The rota: in its zone, and by the calendars of these names."""
        return Rota(
            zone=zone,
            rotations=tuple(layer.rotation(hours) for layer in self.layers),
            overrides=self.overrides,
            absent=self.absent,
        )


def calendars_of(plans: Iterable[Plan]) -> set[str]:
    """The names of the calendars that layers go by."""
    return {layer.hours for plan in plans for layer in plan.layers if layer.hours is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOverride:
    """An override that is agreed on. It never changes, but may be removed."""

    id: RotaOverrideId
    override: Override
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A secret link under which calendar programs read a rota."""

    id: RotaFeedId
    rota_id: RotaId
    name: str
    created_at: datetime


def faults_of_layers(layers: Sequence[Layer]) -> list[Fault]:
    """What is wrong with layers by themselves; a pointer goes into a body that has them as `rotations`."""
    faults: list[Fault] = []
    names: set[str] = set()
    for index, layer in enumerate(layers):
        here = pointer_to("/rotations", index)
        if layer.name in names:
            faults.append(Fault(f"{here}/name", f"There is another rotation {layer.name!r}."))
        names.add(layer.name)
        if layer.first_handover.tzinfo is not None:
            detail = "A handover is a local time of the rota's zone; write it without an offset."
            faults.append(Fault(f"{here}/first_handover", detail))
        elif not instants.is_usable(layer.first_handover.replace(tzinfo=UTC)):
            faults.append(Fault(f"{here}/first_handover", instants.refusal(layer.first_handover)))
        if layer.ends_at is not None and not instants.is_usable(layer.ends_at):
            faults.append(Fault(f"{here}/ends_at", instants.refusal(layer.ends_at)))
    return faults

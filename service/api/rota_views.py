"""What HTTP accepts and shows of rotas."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from service.api.fields import Moment, Name
from service.errors import Fault, pointer_to
from service.escalations.rotas.domain import (
    LAYERS_MAX,
    LENGTH_MAX,
    MEMBERS_MAX,
    Duty,
    Feed,
    Gap,
    Layer,
    PlannedOverride,
    Shift,
    Unit,
    WrittenRota,
)
from service.escalations.rotas.errors import RotaInvalid
from service.escalations.rotas.overrides import OverrideEntry, Seat
from service.escalations.rotas.service import RotaEntry
from service.ids import MemberId, RotaFeedId, RotaId, RotaOverrideId
from service.people.domain import Member

Zone = Annotated[
    str, msgspec.Meta(max_length=64, description="A name of the IANA database.", examples=["Europe/Berlin"])
]
LocalTime = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$",
        description="On the clock of the rota's zone, without an offset.",
        examples=["2026-01-05T08:00"],
    ),
]


class WriteRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Members who take turns of one length. `hours` names the calendar in whose open time alone it counts."""

    name: Name
    members: Annotated[
        list[Name],
        msgspec.Meta(min_length=1, max_length=MEMBERS_MAX, description="Each by id or e-mail address."),
    ]
    length: Annotated[int, msgspec.Meta(ge=1, le=LENGTH_MAX)] = 1
    unit: Unit = Unit.WEEKS
    first_handover: LocalTime
    ends_at: Moment | None = None
    hours: Name | None = None

    def layer(self, index: int, known: Mapping[str, Member]) -> Layer:
        """Raises RotaInvalid."""
        return Layer(
            name=self.name,
            members=tuple(
                _member(name, known, pointer_to("/rotations", index, "members", place))
                for place, name in enumerate(self.members)
            ),
            length=self.length,
            unit=self.unit,
            first_handover=_local(self.first_handover, pointer_to("/rotations", index, "first_handover")),
            ends_at=self.ends_at,
            hours=self.hours,
        )


class WriteRota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is on duty when. Of several rotations that say something about an instant, the last one counts."""

    name: Name
    zone: Zone
    rotations: Annotated[list[WriteRotation], msgspec.Meta(min_length=1, max_length=LAYERS_MAX)]

    def named(self) -> set[str]:
        """How it names members."""
        return {name for rotation in self.rotations for name in rotation.members}

    def entry(self, known: Mapping[str, Member]) -> RotaEntry:
        """What is written, with the members that are known by these names. Raises RotaInvalid."""
        layers = tuple(rotation.layer(index, known) for index, rotation in enumerate(self.rotations))
        return RotaEntry(name=self.name, zone=self.zone, layers=layers)


class RotationView(msgspec.Struct, frozen=True):
    """A rotation as it is written."""

    name: str
    members: list[MemberId]
    length: int
    unit: Unit
    first_handover: str
    ends_at: datetime | None
    hours: str | None

    @classmethod
    def of(cls, layer: Layer) -> "RotationView":
        return cls(
            name=layer.name,
            members=list(layer.members),
            length=layer.length,
            unit=layer.unit,
            first_handover=layer.first_handover.isoformat(),
            ends_at=layer.ends_at,
            hours=layer.hours,
        )


class RotaView(msgspec.Struct, frozen=True):
    """A rota. Its version grows with each change, also of what is agreed beside the rotations."""

    id: RotaId
    name: str
    zone: str
    rotations: list[RotationView]
    version: int
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, rota: WrittenRota) -> "RotaView":
        return cls(
            id=rota.id,
            name=rota.name,
            zone=rota.zone,
            rotations=[RotationView.of(layer) for layer in rota.layers],
            version=rota.version,
            created_at=rota.created_at,
            changed_at=rota.changed_at,
        )


class ShiftView(msgspec.Struct, frozen=True):
    """A member's time on duty, until before `end`. `rotation` is null where it was agreed on."""

    start: datetime
    end: datetime
    member_id: MemberId
    name: str
    email: str
    rotation: str | None

    @classmethod
    def of(cls, shift: Shift, members: Mapping[MemberId, Member]) -> "ShiftView":
        member = members[shift.member]
        return cls(shift.start, shift.end, member.id, member.name, member.email, shift.rotation)


class DutyView(msgspec.Struct, frozen=True):
    """Who is on duty at an instant, and who is next; either is null where there is nobody.

    `inactive_member_id` is whose shift it would be now, if that member were active.
    """

    at: datetime
    now: ShiftView | None
    next: ShiftView | None
    inactive_member_id: MemberId | None

    @classmethod
    def of(cls, duty: Duty, members: Mapping[MemberId, Member], at: datetime) -> "DutyView":
        both = (duty.now, duty.next)
        now, after = (None if shift is None else ShiftView.of(shift, members) for shift in both)
        return cls(at, now, after, duty.absent)


class GapCause(StrEnum):
    NOBODY = "nobody"
    """No rotation has anybody then, or it was agreed that nobody is on duty."""
    MEMBER_INACTIVE = "member_inactive"
    """It would be the shift of a member who was deactivated, or has not accepted the invitation."""


class GapView(msgspec.Struct, frozen=True):
    """Time in which nobody is on duty. `member_id` is the inactive member whose shift it would be."""

    start: datetime
    end: datetime
    cause: GapCause
    member_id: MemberId | None

    @classmethod
    def of(cls, gap: Gap) -> "GapView":
        cause = GapCause.NOBODY if gap.absent is None else GapCause.MEMBER_INACTIVE
        return cls(gap.start, gap.end, cause, gap.absent)


class AgreeOnOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody else for a while; with a `member_id` of null, nobody, on purpose.

    With `instead_of` it counts only where that member would be on duty.
    """

    start_at: Moment
    end_at: Moment
    member_id: MemberId | None
    instead_of: MemberId | None = None

    def entry(self) -> OverrideEntry:
        return OverrideEntry(
            start_at=self.start_at,
            end_at=self.end_at,
            member_id=self.member_id,
            instead_of=self.instead_of,
        )


class OverrideView(msgspec.Struct, frozen=True):
    """An override. It never changes, but may be removed. Of several, the one that was made last counts."""

    id: RotaOverrideId
    start_at: datetime
    end_at: datetime
    member_id: MemberId | None
    instead_of: MemberId | None
    created_at: datetime

    @classmethod
    def of(cls, planned: PlannedOverride) -> "OverrideView":
        return cls(
            id=planned.id,
            start_at=planned.override.start,
            end_at=planned.override.end,
            member_id=planned.override.member,
            instead_of=planned.override.instead_of,
            created_at=planned.created_at,
        )


class SwappedShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole shift of a member, named by any instant in it."""

    member_id: MemberId
    at: Moment

    def seat(self) -> Seat:
        return Seat(self.member_id, self.at)


class SwapShifts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two shifts, whose members stand in for one another."""

    a: SwappedShift
    b: SwappedShift


class SwapView(msgspec.Struct, frozen=True):
    """The two overrides that a swap is: `a` puts the member of b on the shift of a, and `b` the other way."""

    a: OverrideView
    b: OverrideView


class CreateFeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret link. Name it after the calendar program that is to read it, so that it can be revoked."""

    name: Name


class FeedView(msgspec.Struct, frozen=True):
    """A secret link to the calendar of a rota, without its secret."""

    id: RotaFeedId
    name: str
    created_at: datetime

    @classmethod
    def of(cls, feed: Feed) -> "FeedView":
        return cls(id=feed.id, name=feed.name, created_at=feed.created_at)


class CreatedFeedView(FeedView, frozen=True):
    """The link, for a calendar program that cannot send tokens. It is shown this once.

    Whoever has it reads the rota.
    """

    url: str


def _member(name: str, known: Mapping[str, Member], pointer: str) -> MemberId:
    """Raises RotaInvalid."""
    if name not in known:
        raise RotaInvalid([Fault(pointer, f"No member has the id or e-mail address {name!r}.")])
    return known[name].id


def _local(text: str, pointer: str) -> datetime:
    """A local time. Raises RotaInvalid."""
    try:
        return msgspec.convert(text if text.count(":") > 1 else f"{text}:00", datetime)
    except msgspec.ValidationError as error:
        detail = "There is no such date and time; write it as 2026-01-05T08:00."
        raise RotaInvalid([Fault(pointer, detail)]) from error

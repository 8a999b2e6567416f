"""A rota as an iCalendar document (RFC 5545), which calendar programs subscribe to. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from icalendar import TRANSP, Calendar, Event, vDuration, vText

from service import ids, instants
from service.escalations.rotas.domain import Shift, WrittenRota
from service.ids import MemberId

MEDIA_TYPE = "text/calendar"
MONTHS_BACK = 1
MONTHS_AHEAD = 7
SHIFTS_MAX = 1_000
"""Of a rota that is handed over every few hours, the document shows less time ahead."""

REFRESHED_EVERY = timedelta(hours=1)
_MONTHS = 12


def stretch(now: datetime) -> tuple[datetime, datetime]:
    """What a document shows: whole months of UTC, so that a shift is not cut elsewhere every day."""
    return _month(now, -MONTHS_BACK), _month(now, MONTHS_AHEAD)


def document(rota: WrittenRota, shifts: Sequence[Shift], names: Mapping[MemberId, str]) -> bytes:
    """The document. The same shifts of the same version are the same bytes.

    Args:
        rota: whose shifts they are.
        shifts: in order; the first SHIFTS_MAX of them are shown.
        names: of the members on them.
    """
    calendar = Calendar.new(
        uid=rota.id,
        prodid="-//Rooted//Rotas//EN",
        method="PUBLISH",
        last_modified=_second(rota.changed_at),
        subcomponents=[_event(rota, shift, names[shift.member]) for shift in shifts[:SHIFTS_MAX]],
    )
    calendar["refresh-interval"] = vDuration(REFRESHED_EVERY, params={"VALUE": "DURATION"})
    for name in ("name", "x-wr-calname"):
        calendar[name] = vText(rota.name)  # the library itself would write it without its escapes
    return calendar.to_ical()


def _event(rota: WrittenRota, shift: Shift, name: str) -> Event:
    """No two shifts begin at one instant: whoever takes one over changes the event that is there."""
    return Event.new(
        uid=ids.derived_id(rota.id, instants.rfc3339(shift.start)),
        stamp=_second(rota.changed_at),
        sequence=rota.version,
        start=shift.start.astimezone(UTC),
        end=shift.end.astimezone(UTC),
        summary=f"{name} ({rota.name})",
        description="As agreed." if shift.rotation is None else f"Rotation {shift.rotation}.",
        transparency=TRANSP.TRANSPARENT,
    )


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _month(at: datetime, later: int) -> datetime:
    """The beginning of the month that many months later."""
    local = at.astimezone(UTC)
    months = local.year * _MONTHS + local.month - 1 + later
    return datetime(months // _MONTHS, months % _MONTHS + 1, 1, tzinfo=UTC)

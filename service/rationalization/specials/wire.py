"""What a special method's ledger says, as it is stored. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from service.rationalization.specials.domain import (
    Approved,
    Checked,
    Compared,
    Ended,
    Entry,
    Expired,
    Proposed,
    Refused,
    Reminded,
)

Written = dict[str, Any]

KINDS: Mapping[type[Entry], str] = {
    Proposed: "proposed",
    Approved: "approved",
    Refused: "refused",
    Compared: "compared",
    Reminded: "reminded",
    Expired: "expired",
    Ended: "ended",
    Checked: "checked",
}


def detail_of(entry: Entry) -> Written:
    """What an entry says besides when."""
    said: Written = {}
    match entry:
        case Proposed(lasts=lasts, remind_before=spans):
            said = {"lasts_seconds": _seconds(lasts), "remind_before_seconds": sorted(map(_seconds, spans))}
        case Approved(by=by):
            said = {"by": list(by)}
        case Refused(because=because):
            said = {"because": because}
        case Reminded(before=before):
            said = {"before_seconds": _seconds(before)}
        case Ended(because=because, by=by):
            said = {"because": because, "by": by}
        case Checked(undone=undone, result=result, by=by):
            said = {"undone": undone, "result": result, "by": by}
        case Compared() | Expired():
            pass
    return said


def read(kind: str, at: datetime, detail: Written) -> Entry:
    """The entry that was written so."""
    return _READERS[kind](at, detail)


def _proposed(at: datetime, detail: Written) -> Entry:
    return Proposed(
        at=at,
        lasts=timedelta(seconds=detail["lasts_seconds"]),
        remind_before=frozenset(timedelta(seconds=each) for each in detail["remind_before_seconds"]),
    )


_READERS: Mapping[str, Callable[[datetime, Written], Entry]] = {
    "proposed": _proposed,
    "approved": lambda at, detail: Approved(at=at, by=tuple(detail["by"])),
    "refused": lambda at, detail: Refused(at=at, **detail),
    "reminded": lambda at, detail: Reminded(at=at, before=timedelta(seconds=detail["before_seconds"])),
    "compared": lambda at, _: Compared(at=at),
    "expired": lambda at, _: Expired(at=at),
    "ended": lambda at, detail: Ended(at=at, **detail),
    "checked": lambda at, detail: Checked(at=at, **detail),
}


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)

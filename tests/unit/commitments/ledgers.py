"""Calendars, terms and ledgers for the tests of this folder."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import settings

from service.calendars.domain import WorkingTime, compile_calendar, parse_definition
from service.commitments import domain
from service.commitments.domain import (
    Announced,
    Assigned,
    CalendarKey,
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Paused,
    Reopened,
    Resumed,
    Retermed,
    Standing,
    Started,
    Terms,
    Threshold,
    Told,
)

OFFICE = CalendarKey("office")
ALWAYS = CalendarKey("always")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
REQUESTER = "waiting_requester"
SUPPLIER = "waiting_supplier"
MICROSECOND = timedelta(microseconds=1)

patient = settings(deadline=None)
"""For properties: how long an example takes depends on who else is at work on the machine."""


def _no_dates(_country: str) -> frozenset[date]:
    return frozenset()


def calendar(definition: Mapping[str, Any]) -> WorkingTime:
    return compile_calendar(parse_definition(definition, country_dates=_no_dates))


def weekdays(opens: str, closes: str, *, tz: str = "UTC") -> WorkingTime:
    return calendar(
        {"tz": tz, "weekly": {day: [[opens, closes]] for day in ("mon", "tue", "wed", "thu", "fri")}}
    )


CALENDARS = {OFFICE: weekdays("09:00", "17:00"), ALWAYS: calendar({"always_open": True})}


def at(clock: str, *, day: int = 0) -> datetime:
    """A time of day, `day` days after a Monday."""
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


def hours(count: float) -> domain.WorkingTarget:
    return domain.WorkingTarget(round(count * 3600))


def resolve(target: domain.Target, **changes: Any) -> Terms:
    return replace(domain.usual_terms("resolve", target, calendar=OFFICE), **changes)


class Ledger:
    """A ledger under construction: each call appends what was told at the moment it happened."""

    def __init__(self, calendars: Mapping[CalendarKey, WorkingTime] = CALENDARS) -> None:
        self.entries: list[LedgerEntry] = []
        self.calendars = calendars

    def _when(self, moment: datetime, received_at: datetime | None) -> dict[str, Any]:
        return {
            "at": moment,
            "received_at": received_at or moment,
            "id": EntryId(f"{len(self.entries):09}"),
        }

    def start(self, moment: datetime, terms: Terms, *, received_at: datetime | None = None) -> "Ledger":
        self.entries.append(Started(**self._when(moment, received_at), terms=terms, decision="first"))
        return self

    def reterm(self, moment: datetime, terms: Terms, *, received_at: datetime | None = None) -> "Ledger":
        self.entries.append(Retermed(**self._when(moment, received_at), terms=terms, decision="later"))
        return self

    def pause(
        self,
        moment: datetime,
        cause: str = REQUESTER,
        *,
        party: str = "requester",
        received_at: datetime | None = None,
    ) -> "Ledger":
        when = self._when(moment, received_at)
        self.entries.append(Paused(**when, cause=cause, party=party))
        return self

    def resume(
        self, moment: datetime, cause: str | None = REQUESTER, *, received_at: datetime | None = None
    ) -> "Ledger":
        self.entries.append(Resumed(**self._when(moment, received_at), cause=cause))
        return self

    def fulfil(
        self, moment: datetime, by: str = "resolved", *, received_at: datetime | None = None
    ) -> "Ledger":
        self.entries.append(Fulfilled(**self._when(moment, received_at), by=by))
        return self

    def reopen(self, moment: datetime) -> "Ledger":
        self.entries.append(Reopened(**self._when(moment, None)))
        return self

    def cancel(self, moment: datetime, because: str = "") -> "Ledger":
        self.entries.append(Cancelled(**self._when(moment, None), because=because))
        return self

    def assign(self, moment: datetime, group: str | None, person: str | None = None) -> "Ledger":
        self.entries.append(Assigned(**self._when(moment, None), group=group, person=person))
        return self

    def announce(self, moment: datetime, cycle: int = 1, *, since: datetime | None = None) -> "Ledger":
        when = self._when(moment, None)
        self.entries.append(Announced(**when, cycle=cycle, renegotiation="r1", since=since))
        return self

    def told(
        self,
        moment: datetime,
        threshold: Threshold,
        cycle: int = 1,
        *,
        by: str = "",
        since: datetime | None = None,
    ) -> "Ledger":
        when = self._when(moment, None)
        self.entries.append(Told(**when, cycle=cycle, threshold=threshold, by=by, since=since))
        return self

    def standing(self, now: datetime) -> Standing:
        return domain.standing(self.entries, self.calendars, now)

    def due(self, now: datetime) -> datetime | None:
        return self.standing(now).current.due_at


def told(happenings: Collection[domain.Happening]) -> list[str]:
    return [happening.kind.value for happening in happenings]


def step(ledger: Ledger, before: Standing | None, now: datetime) -> tuple[list[str], Standing]:
    """What the shell does: say what happened, and remember which thresholds were told."""
    happened = domain.happenings(before, ledger.standing(now))
    for happening in happened:
        threshold = domain.THRESHOLDS.get(happening.kind)
        if threshold is not None and happening.recorded is None:
            ledger.told(now, threshold, happening.cycle, since=happening.since)
    return told(happened), ledger.standing(now)

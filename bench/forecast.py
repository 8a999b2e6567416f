"""How well misses are forecast: learnt on the first 60 % of a log, shown on the rest.

    python -m bench.forecast [LOG.csv.xz] [--picture FILE.svg]

The log is a UCI 498 one: the even half (var/uci498), or what is named. The sample of the repository is too
short: its incidents were opened within days, before any of them had been closed. Incidents are in the order
of their opening. Nothing that happened after an instant is known at it: what was open then counts as open,
with the priority that it had then. An incident is missed if it was closed after the time that the example's
policy gives its last priority.

Two ways of learning are shown: once, at the end of the first 60 %; and each midnight, as the service does it.
The half-life of the history is chosen within the first 60 %, by how well its own last 40 % would have been
forecast from its first 60 %. Brier scores: 0 is best. Whoever always says the share that was missed so far
gets the score that is shown beside; the share that was missed of what is shown could not be known in advance.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

from bench.pictures import forecasts as forecast_picture
from bench.pictures.forecasts import Panel
from service.backtests.cases import Case
from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition
from service.commitments.forecasting import domain as forecasting
from service.commitments.forecasting.domain import Cohort, Known, Lived, Meter
from service.requests.domain import State
from tests import past

LEARNT_SHARE = 0.6
USED = (0.0, 0.25, 0.5)
"""Forecasts are made when so much of the target is used."""
HALF_LIVES = tuple(timedelta(weeks=weeks) for weeks in (1, 2, 4, 8))
"""Whole weeks, for the days of the week differ."""
BINS = 10

Forecasts = list[tuple[float, bool]]
Knowing = Callable[[datetime], Mapping[Cohort, Known]]
"""What is known at an instant."""


@dataclass(frozen=True)
class Incident:
    """An incident of the log.

    Attributes:
        priorities: from when on it had which, the first from its opening on.
    """

    opened_at: datetime
    closed_at: datetime | None
    priorities: Sequence[tuple[datetime, str]]

    def priority(self, at: datetime) -> str:
        return next(priority for since, priority in reversed(self.priorities) if since <= at)

    def is_closed(self, at: datetime) -> bool:
        return self.closed_at is not None and self.closed_at <= at


@dataclass(frozen=True)
class Log:
    """Incidents in the order of their opening, under the example's promises.

    Attributes:
        targets: by priority.
        ends_at: what happened later is not known.
    """

    incidents: Sequence[Incident]
    meter: WorkingTime
    targets: Mapping[str, timedelta]
    ends_at: datetime

    @cached_property
    def split_at(self) -> datetime:
        return self.incidents[int(LEARNT_SHARE * len(self.incidents))].opened_at

    def until(self, at: datetime) -> "Log":
        """The log as it stood at an instant."""
        opened = [one for one in self.incidents if one.opened_at < at]
        return Log(opened, self.meter, self.targets, min(at, self.ends_at))

    def lived(self, at: datetime) -> list[Lived]:
        """What the incidents were at an instant: closed, or open for as long as until then."""
        return [self._lived(one, at) for one in self.incidents if one.opened_at < at]

    def missed(self, one: Incident) -> bool | None:
        """Whether it was missed; None where the log ends too early to say."""
        end = min(one.closed_at or self.ends_at, self.ends_at)
        if self.meter.elapsed(one.opened_at, end) > self.targets[one.priority(end)]:
            return True
        return False if one.is_closed(self.ends_at) else None

    def asked_at(self, one: Incident, used: float) -> datetime:
        """When so much of the target of its first priority was used."""
        target = self.targets[one.priority(one.opened_at)]
        return self.meter.due(one.opened_at, target * used) if used else one.opened_at

    def chance(self, one: Incident, at: datetime, known: Mapping[Cohort, Known]) -> float | None:
        """What is forecast of an incident that is open at that instant."""
        priority = one.priority(at)
        cohort = forecasting.nearest(_cohort(priority), known)
        if cohort is None:
            return None
        passed = self.meter.elapsed(one.opened_at, at)
        return forecasting.chance_of_miss(known[cohort].curve, used=passed, target=self.targets[priority])

    def _lived(self, one: Incident, at: datetime) -> Lived:
        closed = one.is_closed(at)
        end = one.closed_at if closed and one.closed_at is not None else at
        return Lived(
            cohort=_cohort(one.priority(end)),
            started_at=one.opened_at,
            used=self.meter.elapsed(one.opened_at, end),
            fulfilled=closed,
        )


def _cohort(priority: str) -> Cohort:
    return Cohort("resolve", Meter.WORKING, f"incident/{priority}")


def read(path: Path) -> Log:
    """The log in a file."""
    meter = compile_calendar(parse_definition(past.calendar_definition(), country_dates=countries.dates))
    targets = {
        rule["when"].split('"')[1]: timedelta(seconds=rule["then"]["promises"][0]["target"]["seconds"])
        for rule in past.policy()["rules"]
    }
    return Log([_incident(case) for case in past.cases(path)], meter, targets, past.UNTIL)


def _incident(case: Case) -> Incident:
    opened_at = case.submission.occurred_at
    priorities = [(opened_at, case.submission.facts["priority"])]
    closed_at: datetime | None = None
    for event in case.events:
        if event.facts is not None and "priority" in event.facts:
            priorities.append((event.occurred_at, event.facts["priority"]))
        if event.state is not None:
            closed_at = event.occurred_at if event.state is State.CLOSED else None
    return Incident(opened_at, closed_at, priorities)


def learnt(log: Log, at: datetime, half_life: timedelta) -> dict[Cohort, Known]:
    """What the log says at an instant."""
    return {one.cohort: one for one in forecasting.known(log.lived(at), half_life=half_life)}


def once(log: Log, half_life: timedelta) -> Knowing:
    """What was learnt at the split holds ever after."""
    known = learnt(log, log.split_at, half_life)
    return lambda _: known


def each_midnight(log: Log, half_life: timedelta) -> Knowing:
    """What was learnt at the last midnight, as by curves that are made anew each day."""
    kept: dict[datetime, dict[Cohort, Known]] = {}

    def knowing(at: datetime) -> Mapping[Cohort, Known]:
        midnight = datetime.combine(at.date(), time(), UTC)
        if midnight not in kept:
            kept[midnight] = learnt(log, midnight, half_life)
        return kept[midnight]

    return knowing


def forecasts(log: Log, shown: Iterable[Incident], used: float, knowing: Knowing) -> Forecasts:
    """What is forecast of each incident that is still open when so much of its target is used."""
    found: Forecasts = []
    for one in shown:
        missed, at = log.missed(one), log.asked_at(one, used)
        if missed is None or one.is_closed(at):
            continue
        chance = log.chance(one, at, knowing(at))
        if chance is not None:
            found.append((chance, missed))
    return found


def rest(log: Log) -> list[Incident]:
    """What was opened after the split."""
    return [one for one in log.incidents if one.opened_at >= log.split_at]


def missed_so_far(log: Log, at: datetime) -> float:
    """The share that was missed of the incidents of which that is known at an instant."""
    then = log.until(at)
    known = [missed for one in then.incidents if (missed := then.missed(one)) is not None]
    return sum(known) / len(known)


def chosen_half_life(log: Log) -> tuple[timedelta, dict[timedelta, float]]:
    """The half-life by which the last part of what is learnt from would have been forecast best.

    Only incidents whose time was up by then are counted: of the others those that ended early would be.
    """
    learning = log.until(log.split_at)
    up = [one for one in rest(learning) if learning.asked_at(one, 1.0) <= learning.ends_at]
    scores = {
        half_life: forecasting.brier_score(forecasts(learning, up, 0.0, once(learning, half_life)))
        for half_life in HALF_LIVES
    }
    return min(scores, key=lambda half_life: (scores[half_life], half_life)), scores


def panels(log: Log, half_life: timedelta) -> list[Panel]:
    """Both ways of learning, with all that is shown of them."""
    shown = rest(log)
    return [
        Panel(name, {used: forecasts(log, shown, used, knowing) for used in USED})
        for name, knowing in (
            ("learnt once", once(log, half_life)),
            ("learnt each midnight", each_midnight(log, half_life)),
        )
    ]


def main(path: Path, picture: Path | None) -> None:
    log = read(path)
    half_life, scores = chosen_half_life(log)
    base = missed_so_far(log, log.split_at)
    found = panels(log, half_life)

    print(f"{len(log.incidents):,} incidents of {path.name}, split at {log.split_at:%Y-%m-%d %H:%M}")
    tried = ", ".join(f"{each.days} days {score:.3f}" for each, score in scores.items())
    print(f"half-life chosen in the first part: {half_life.days} days (Brier: {tried})")
    print(f"missed in the first part: {base:.3f}")
    for panel in found:
        print(panel.name)
        for used, said in panel.forecasts.items():
            print(f"  {used:4.0%} used: {_line(said, base)}")
    if picture is not None:
        picture.write_text(forecast_picture.drawn(found, bins=BINS), encoding="utf-8")
        print(f"picture: {picture}")


def _line(said: Sequence[tuple[float, bool]], base: float) -> str:
    share = sum(missed for _, missed in said) / len(said)
    mean = sum(chance for chance, _ in said) / len(said)
    score = forecasting.brier_score(said)
    by_base = forecasting.brier_score([(base, missed) for _, missed in said])
    by_share = forecasting.brier_score([(share, missed) for _, missed in said])
    return (
        f"{len(said):5,} forecasts, said {mean:.3f}, missed {share:.3f}; Brier {score:.4f},"
        f" of the base rate {by_base:.4f}, of what was missed {by_share:.4f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, nargs="?", default=past.HALF)
    parser.add_argument("--picture", type=Path, help="where to draw the calibration")
    arguments = parser.parse_args()
    if arguments.log.exists():
        main(arguments.log, arguments.picture)
    else:
        print(f"There is no {arguments.log}: name a log of some months.")

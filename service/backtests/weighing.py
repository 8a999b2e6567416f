"""What the policies that are tried change: of one request, and counted over many. Pure.

Totals are plain JSON in which every number is a count, so that parts are added up in any order to the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from service.backtests.climbing import NOTHING_CLIMBED, TELLINGS_MAX, Climbed
from service.backtests.course import Course
from service.backtests.domain import ChangeKind
from service.backtests.ruling import Ruling
from service.backtests.tellings import Point, Told
from service.backtests.windows import WindowStanding
from service.commitments import wire
from service.commitments.domain import ClockState, Outcome
from service.commitments.models import Commitment
from service.instants import rfc3339
from service.rationalization.gates.domain import State

Counts: TypeAlias = dict[str, Any]

CANCELLED = "cancelled"
SIDES = ("before", "after")
APPROVAL = "approval"
REASONS_MAX = 100
TOLD = {
    "commitment.warned": "warnings",
    "commitment.broken": "breaches",
    "commitment.corrected": "corrections",
    "commitment.due_changed": "due_changes",
}
"""What is told of a promise, and how that is counted."""

ASSUMED = (
    "Nobody acknowledges anything, so that every repeat is counted, up to"
    f" {TELLINGS_MAX} tellings of one ladder for one promise; ladders and rotas are as they were when the"
    " backtest was made."
)


@dataclass(frozen=True, slots=True)
class Way:
    """One request's way under the policies of one side.

    Attributes:
        rulings: of each of its points.
        windows: where those stand that the last one requires.
    """

    rulings: Sequence[Ruling]
    course: Course
    windows: tuple[WindowStanding, ...] = ()

    @property
    def shut(self) -> frozenset[str]:
        """The windows that do not let the planned work begin."""
        return frozenset(each.place for each in self.windows if each.state is not State.SATISFIED)


class Weights:
    """What many requests add to the totals of one side.

    Requests share their rulings, so each ruling is counted by how often it was made.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules
        self._made: dict[int, tuple[Ruling, int]] = {}
        self._counts: Counts = {"decisions": 0, "degraded": 0, "unmatched": 0}
        self._counts |= {name: {} for name in ("verdicts", "ladders", "promises", "absent", "notices")}

    def add(self, way: Way) -> None:
        for ruling in way.rulings:
            _, times = self._made.get(id(ruling), (ruling, 0))
            self._made[id(ruling)] = ruling, times + 1
        last = way.rulings[-1]
        ends = {
            "decisions": len(way.rulings),
            "unmatched": int(last.is_usual),
            "verdicts": {last.verdict: 1},
            "ladders": dict.fromkeys(last.ladders, 1),
            "promises": _promises(way.course),
        }
        added(self._counts, ends)
        if last.gates:
            added(self._counts, _gates(way))
        if way.course.climbed is not NOTHING_CLIMBED:
            added(self._counts, notices_told(way.course.climbed))

    def totals(self) -> Counts:
        """All counts; a rule that never matched stands there with zeros."""
        rules = {
            label: {rule: {"matched": 0, "followed": 0} for rule in ids} for label, ids in self._rules.items()
        }
        degraded, absent = 0, Counter[str]()
        for ruling, times in self._made.values():
            degraded += times if ruling.degraded else 0
            absent.update(dict.fromkeys(ruling.absent, times))
            for asked in ruling.asked:
                for rule in asked.matched:
                    rules[asked.label][rule]["matched"] += times
                for rule in asked.followed:
                    rules[asked.label][rule]["followed"] += times
        return added(dict(self._counts), {"degraded": degraded, "absent": absent, "rules": rules})


def _gates(way: Way) -> Counts:
    """How many requests have which gates and approvals, and how those stand that a calendar judges."""
    gates = way.rulings[-1].gates
    found: Counts = {"gates": dict.fromkeys((gate["gate"] for gate in gates), 1)}
    if approvals := [gate["name"] for gate in gates if gate["gate"] == APPROVAL]:
        found["approvals"] = dict.fromkeys(approvals, 1)
    if way.windows:
        found["windows"] = {each.place: {each.state.value: 1} for each in way.windows}
    return found


def _promises(course: Course) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for commitment in course.commitments:
        found.setdefault(commitment.metric, Counter()).update(("made", outcome(commitment)))
    for (metric, event), times in course.told.items():
        if event in TOLD:
            found.setdefault(metric, Counter())[TOLD[event]] += times
    return found


def notices_told(climbed: Climbed) -> Counts:
    """Notices by ladder and step: how often it is told, how often there is nobody, and whom it tells."""
    notices: dict[str, dict[str, Counts]] = {}
    for notice in climbed.notices:
        step = notices.setdefault(notice.ladder, {}).setdefault(
            notice.step, {"told": 0, "nobody": 0, "to": Counter[str](), "off_duty": Counter[str]()}
        )
        step["told" if notice.to else "nobody"] += 1
        step["to"].update(notice.to)
        step["off_duty"].update(notice.off_duty)
    found: Counts = {"notices": notices}
    if climbed.cut:
        found["climbs_cut"] = climbed.cut
    if climbed.unknown:
        found["ladders_unknown"] = dict.fromkeys(climbed.unknown, 1)
    return found


def outcome(commitment: Commitment) -> str:
    """`kept`, `broken`, `pending` or `cancelled`."""
    is_over = commitment.clock is ClockState.STOPPED
    return CANCELLED if is_over and commitment.outcome is Outcome.PENDING else commitment.outcome.value


def added(totals: Counts, more: Mapping[str, Any]) -> Counts:
    """The totals with more added to them, in place."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            added(totals.setdefault(name, {}), cast("Mapping[str, Any]", value))
        else:
            totals[name] = totals.get(name, 0) + value
    return totals


def result(totals: Counts, *, listed_max: int) -> Counts:
    """The totals of all parts, with what follows from them.

    Args:
        totals: at least of one part, or none where the history is empty.
        listed_max: how many of the requests that change are listed.
    """
    tried: Mapping[str, Mapping[str, Counts]] = totals.get("after", {}).get("rules", {})
    reasons = sorted(totals.get("unjudged", {}).items(), key=lambda reason: (-reason[1], reason[0]))
    climbed = any(totals.get(side, {}).get("notices") for side in SIDES)
    return {
        **totals,
        **({"notices_assume": ASSUMED} if climbed else {}),
        "unjudged": dict(reasons[:REASONS_MAX]),
        "rules_never_matched": {
            label: [rule for rule, times in sorted(rules.items()) if not times["matched"]]
            for label, rules in tried.items()
        },
        "changes_listed": min(totals.get("changed", 0), listed_max),
    }


def kinds_of_change(before: Way, after: Way) -> list[ChangeKind]:
    """In what one request differs."""
    old, new = before.rulings[-1], after.rulings[-1]
    terms = zip(before.rulings, after.rulings, strict=True)
    found = {
        ChangeKind.VERDICT: old.verdict != new.verdict,
        ChangeKind.REASON: old.reason != new.reason,
        ChangeKind.PROPOSAL: old.proposal != new.proposal,
        ChangeKind.GATE: old.gates != new.gates,
        ChangeKind.WINDOW: before.shut != after.shut,
        ChangeKind.PROMISE: any(one.terms != other.terms for one, other in terms),
        ChangeKind.OUTCOME: _outcomes(before.course) != _outcomes(after.course),
        ChangeKind.WARNING: _warnings(before.course) != _warnings(after.course),
        ChangeKind.LADDER: old.ladders != new.ladders,
        ChangeKind.NOTICE: _notices(before.course) != _notices(after.course),
    }
    return [kind for kind, differs in found.items() if differs]


def _outcomes(course: Course) -> dict[str, tuple[str, bool]]:
    """Of each metric what became of it, and whether a breach was told."""
    return {
        each.metric: (outcome(each), course.told.get((each.metric, "commitment.broken"), 0) > 0)
        for each in course.commitments
    }


def _notices(course: Course) -> Counter[tuple[str, str, tuple[str, ...]]]:
    """How often each step tells whom; when it does follows from the promises."""
    return Counter((each.ladder, each.step, each.to) for each in course.climbed.notices)


def _warnings(course: Course) -> dict[str, int]:
    return {metric: times for (metric, event), times in course.told.items() if event == "commitment.warned"}


def change(told: Told, before: Way, after: Way, kinds: Sequence[ChangeKind]) -> Counts:
    """One request that differs, for people: what followed before and what would follow, and by which rules.

    The rules are those of the first decision from which something else follows.
    """
    request = told.request
    at = next(
        (
            index
            for index, (one, other) in enumerate(zip(before.rulings, after.rulings, strict=True))
            if one.differs_from(other)
        ),
        len(before.rulings) - 1,
    )
    point: Point = told.points[at]
    return {
        "id": str(request.id),
        "source": request.source,
        "external_id": request.external_id,
        "opened_at": rfc3339(request.opened_at),
        "decided_at": rfc3339(point.now),
        "kinds": [kind.value for kind in kinds],
        "agreements_left_out": told.left_out,
        "before": _side(before, at),
        "after": _side(after, at),
    }


def _side(way: Way, at: int) -> Counts:
    last = way.rulings[-1]
    return {
        "verdict": last.verdict,
        "reason": last.reason,
        "proposal": dict(last.proposal),
        "gates": [dict(gate) for gate in last.gates],
        "windows": [_window(each) for each in way.windows],
        "ladders": list(last.ladders),
        "rules": {kind: list(rules) for kind, rules in way.rulings[at].rules.items()},
        "promises": [_promise(each, way.course) for each in way.course.commitments],
        "notices": _told(way.course.climbed),
    }


def _window(window: WindowStanding) -> Counts:
    return {
        "gate": window.kind,
        "calendar": window.calendar,
        "state": window.state.value,
        "missing": window.missing,
    }


def _told(climbed: Climbed) -> list[Counts]:
    """What each step of each ladder comes to, in the order in which they are first told."""
    found: dict[tuple[str, str, str], Counts] = {}
    for notice in climbed.notices:
        step = found.setdefault(
            (notice.metric, notice.ladder, notice.step),
            {
                "ladder": notice.ladder,
                "step": notice.step,
                "metric": notice.metric,
                "first_at": rfc3339(notice.at),
                "told": 0,
                "nobody": 0,
                "to": [],
                "off_duty": [],
            },
        )
        step["told" if notice.to else "nobody"] += 1
        step["to"] = sorted({*step["to"], *notice.to})
        step["off_duty"] = sorted({*step["off_duty"], *notice.off_duty})
    return list(found.values())


def _promise(commitment: Commitment, course: Course) -> Counts:
    due_at, broken_at = commitment.due_at, commitment.broken_at
    return {
        "metric": commitment.metric,
        "target": wire.target_document(commitment.target),
        "outcome": outcome(commitment),
        "due_at": None if due_at is None else rfc3339(due_at),
        "broken_at": None if broken_at is None else rfc3339(broken_at),
        "warnings": course.told.get((commitment.metric, "commitment.warned"), 0),
        "breaches": course.told.get((commitment.metric, "commitment.broken"), 0),
    }

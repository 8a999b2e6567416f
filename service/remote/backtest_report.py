"""What a backtest found, as people read it: before, after and the difference. Pure but for the console."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from service.remote.backtests import Change, Found, Promise, Side, Window
from service.remote.gates import Passage
from service.replay import report as reporting

CHANGES_SHOWN = 10
OUTCOMES = ("made", "kept", "broken", "pending", "cancelled", "warnings", "corrections", "due_changes")
WORDS = {"made": "promised", "due_changes": "dues that move"}
NOTICES = {"told": "told", "nobody": "nobody to tell"}
ALWAYS = frozenset({"made", "kept", "broken"})
UNITS = ((3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Line:
    """One count of the two sides."""

    what: str
    before: int
    after: int


def lines(result: Mapping[str, Any]) -> Iterator[Line]:
    """What is counted, as far as it happened on either side."""
    before, after = result.get("before", {}), result.get("after", {})
    yield Line("no rule promised anything", before.get("unmatched", 0), after.get("unmatched", 0))
    yield from _each("verdict", before.get("verdicts", {}), after.get("verdicts", {}))
    yield from _each("requires", before.get("gates", {}), after.get("gates", {}))
    yield from _each("consent of", before.get("approvals", {}), after.get("approvals", {}))
    yield from _each("closed", *(_closed(side.get("windows", {})) for side in (before, after)))
    promises = before.get("promises", {}), after.get("promises", {})
    for metric in sorted({*promises[0], *promises[1]}):
        old, new = promises[0].get(metric, {}), promises[1].get(metric, {})
        for name in OUTCOMES:
            line = Line(f"{metric}: {WORDS.get(name, name)}", old.get(name, 0), new.get(name, 0))
            if name in ALWAYS or line.before or line.after:
                yield line
    yield from _each("ladder", before.get("ladders", {}), after.get("ladders", {}))
    yield from _notices(before.get("notices", {}), after.get("notices", {}))
    yield from _each("no such ladder", before.get("ladders_unknown", {}), after.get("ladders_unknown", {}))
    degraded = Line("degraded decisions", before.get("degraded", 0), after.get("degraded", 0))
    if degraded.before or degraded.after:
        yield degraded


def _closed(windows: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """How many planned changes each window does not let begin."""
    return {place: states.get("open", 0) for place, states in windows.items()}


def _notices(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Line]:
    """How often each step is told, and how often there is nobody to tell."""
    for ladder in sorted({*before, *after}):
        old, new = before.get(ladder, {}), after.get(ladder, {})
        for step in sorted({*old, *new}):
            for name, words in NOTICES.items():
                line = Line(
                    f"{words}: {ladder}/{step}", *(each.get(step, {}).get(name, 0) for each in (old, new))
                )
                if line.before or line.after:
                    yield line


def _each(what: str, before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[Line]:
    for name in sorted({*before, *after}):
        yield Line(f"{what}: {name}", before.get(name, 0), after.get(name, 0))


def show(found: Found, passage: Passage, console: Console) -> None:
    """Print the result: legible in 80 columns and without colour."""
    result = found.result
    _show_head(found, console)
    console.print(_table(list(lines(result))))
    _show_changes(found, console)
    _show_never_matched(result.get("rules_never_matched", {}), console)
    _show_doubts(result, console)
    for each in passage.exceeded:
        _say(console, f"Gate exceeded: {each}.")
    if passage.undecided:
        _say(console, passage.undecided)


def to_json(found: Found, passage: Passage) -> dict[str, object]:
    """The names are part of the command's contract."""
    return {
        "id": found.backtest.id,
        "state": found.backtest.state,
        "new_breaches": found.new_breaches,
        "healed_breaches": found.healed,
        "counted_over_all": found.listed_all,
        "gates_exceeded": list(passage.exceeded),
        "gates_undecided": passage.undecided,
        "decisions_per_second": found.backtest.decisions_per_second,
        "result": found.result,
        "changes_first": found.changes,
    }


def told(change: Change) -> str:
    """What changes for one request, in one line."""
    parts: list[str] = []
    if change.before.verdict != change.after.verdict:
        parts.append(f"{change.before.verdict} → {change.after.verdict}")
    parts += _verdict_told(change.before, change.after)
    parts += _windows_told(change.before, change.after)
    parts += _promises_told(change.before, change.after)
    if change.before.ladders != change.after.ladders:
        parts.append(f"ladder {_names(change.before.ladders)} → {_names(change.after.ladders)}")
    if change.before.notices != change.after.notices:
        parts.append(f"{_count(change.before)} → {_count(change.after)} notices")
    return "; ".join(parts) or f"the same in the end, another on the way: {', '.join(change.kinds)}"


def _count(side: Side) -> int:
    return sum(notice.told for notice in side.notices)


def reason(change: Change) -> str:
    """By which rules."""
    before, after = (
        [rule for rules in side.rules.values() for rule in rules] for side in (change.before, change.after)
    )
    if before == after:
        return f"by {_names(after)}, as before"
    return f"{_names(before)} → {_names(after)}"


def words(change: Change) -> list[str]:
    """Why the verdict is what it is, before and after, where the requester is told something else."""
    if (change.before.verdict, change.before.reason) == (change.after.verdict, change.after.reason):
        return []
    sides = (("before", change.before), ("after", change.after))
    return [f"{name}: {side.reason or 'no rule says anything of it'}" for name, side in sides]


def _verdict_told(before: Side, after: Side) -> Iterator[str]:
    """What the verdict says and requires beside what it is."""
    if before.verdict == after.verdict and before.proposal != after.proposal:
        yield "another proposal"
    old, new = ([_gate(gate) for gate in side.gates] for side in (before, after))
    if before.gates != after.gates:
        yield f"requires {_names(old)} → {_names(new)}"
    if before.verdict == after.verdict and before.reason != after.reason:
        yield "for another reason"


def _gate(gate: Mapping[str, Any]) -> str:
    """A gate by its kind, and an approval by its name too."""
    return " ".join(str(gate[part]) for part in ("gate", "name") if part in gate)


def _windows_told(before: Side, after: Side) -> Iterator[str]:
    """The windows that do not stand as before, with what stands in the way."""
    old, new = ({(each.gate, each.calendar): each for each in side.windows} for side in (before, after))
    for place in sorted({*old, *new}):
        one, other = old.get(place), new.get(place)
        if (one is not None and one.is_shut) != (other is not None and other.is_shut):
            yield f"{' '.join(place)} {_window(one)} → {_window(other)}"


def _window(window: Window | None) -> str:
    if window is None:
        return "not required"
    return f"{window.state} ({window.missing})" if window.missing else window.state


def _promises_told(before: Side, after: Side) -> Iterator[str]:
    old, new = ({each.metric: each for each in side.promises} for side in (before, after))
    for metric in sorted({*old, *new}):
        one, other = old.get(metric), new.get(metric)
        if one == other:
            continue
        if one is not None and other is not None and _promise(one) == _promise(other):
            yield f"{metric} {_promise(one)}, due {one.due_at or 'never'} → {other.due_at or 'never'}"
        else:
            yield f"{metric} {_promise(one)} → {_promise(other)}"


def _promise(promise: Promise | None) -> str:
    if promise is None:
        return "not promised"
    return f"{target(promise.target)} {promise.outcome}".strip()


def target(document: Mapping[str, Any]) -> str:
    """A target as people say it: `4 h 30 min of working time`."""
    unit = str(document.get("unit", "")).replace("_", " ")
    if "seconds" in document:
        return f"{span(int(document['seconds']))} of {unit}"
    return f"{document['days']} {unit}".removeprefix("0 ") if "days" in document else unit


def span(seconds: int) -> str:
    """A span in hours, minutes and seconds; a day of work has no one length."""
    parts: list[str] = []
    for size, name in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:,} {name}")
    return " ".join(parts) or "0 s"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _show_head(found: Found, console: Console) -> None:
    result, speed = found.result, found.backtest.decisions_per_second
    pace = "" if speed is None else f", at {speed:,.0f} decisions/s"
    _say(
        console,
        f"{result.get('requests', 0):,} past requests decided anew{pace}:"
        f" {result.get('changed', 0):,} would change.",
    )
    kinds = {name: count for name, count in result.get("changes", {}).items() if count}
    if kinds:
        _say(console, "Of these in " + ", ".join(f"{name} {count:,}" for name, count in kinds.items()) + ".")
        least = "" if found.listed_all else "at least "
        _say(
            console,
            f"{least}{found.new_breaches:,} promises would be broken that are not;"
            f" {found.healed:,} would be kept that are broken.".capitalize(),
        )


def _table(counted: Sequence[Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "before", "after", "difference"):
        table.add_column(name, justify="right" if name else "left")
    for line in counted:
        difference = line.after - line.before
        shown = f"{difference:+,}" if difference else "="
        table.add_row(line.what, f"{line.before:,}", f"{line.after:,}", shown)
    return table


def _show_changes(found: Found, console: Console) -> None:
    if not found.changes:
        return
    changed = found.result.get("changed", 0)
    _say(console, f"The first {len(found.changes)} of {changed:,} requests that change:")
    for change in found.changes:
        _say(console, f"  {change.external_id} ({change.opened_at[:10]}): {told(change)}")
        _say(console, f"    {reason(change)}")
        for each in words(change):
            _say(console, f"    {each}")
    console.print()


def _show_never_matched(never: Mapping[str, Sequence[str]], console: Console) -> None:
    for label, rules in never.items():
        if rules:
            _say(console, f"Never matched in {label}: {', '.join(rules)}.")


def _show_doubts(result: Mapping[str, Any], console: Console) -> None:
    unjudged: Mapping[str, int] = result.get("unjudged", {})
    if unjudged:
        _say(console, f"{sum(unjudged.values()):,} requests could not be judged:")
        listed = (f"  {count:,}: {why}" for why, count in unjudged.items())
        reporting.listed(listed, len(unjudged), console)
    left_out: int = result.get("agreements", {}).get("left_out", 0)
    if left_out:
        _say(console, f"{left_out:,} agreements of that time are left out: not both sides propose them.")
    if "notices_assume" in result:
        _say(console, result["notices_assume"])
    absent: Mapping[str, int] = result.get("after", {}).get("absent", {})
    for fact, count in sorted(absent.items()):
        _say(console, f"Read, and absent in {count:,} of the decisions after: {fact}.")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)

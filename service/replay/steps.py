"""What is sent for one case: the request, then the events that lead from each row to the next. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.instants import rfc3339
from service.replay.mapping import CUSTOM, LAST, REPLIED, EventRows, Immaterial, LogMapping
from service.replay.rows import Row, Value
from service.requests.domain import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to send. The first of a case is the request itself, the others are its events.

    Attributes:
        ordinal: 0 for the request, then 1, 2, … in the case's own order.
        post_at: when to send it: when it happened, but never before what precedes it in its case.
    """

    case: str
    ordinal: int
    post_at: datetime
    line: int
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the log says of a case at its end: its group, and whether the promise was kept."""

    group: str
    kept: bool | None


def plan_case(rows: Sequence[Row], mapping: LogMapping) -> tuple[list[Step], Verdict]:
    """What to send for one case, whose rows come in the case's own order, and the log's verdict on it."""
    first = rows[0]
    opened_at = first.opened_at or first.at
    steps = [
        Step(
            case=first.case,
            ordinal=0,
            post_at=opened_at,
            line=first.line,
            body=_request(first, mapping, opened_at),
        )
    ]
    before = replace(first, happening=State.OPEN, pause=None)
    for row in rows:
        immaterial = [] if row is first else _immaterial(mapping)
        for body in _changes(before, row) or immaterial:
            steps.append(_next_step(steps[-1], row, body))
        before = row if row.happening != REPLIED else replace(row, happening=before.happening)
    return steps, _verdict(rows, mapping)


def _request(row: Row, mapping: LogMapping, opened_at: datetime) -> dict[str, object]:
    return {
        "source": mapping.source,
        "external_id": row.case,
        "type": mapping.type,
        "occurred_at": rfc3339(opened_at),
        "facts": _nested({name: value for name, value in row.facts.items() if value is not None}),
        **row.texts,
    }


def _next_step(before: Step, row: Row, body: dict[str, object]) -> Step:
    ordinal = before.ordinal + 1
    happened = {"occurred_at": rfc3339(row.at), "sequence": ordinal}
    return Step(
        case=row.case,
        ordinal=ordinal,
        post_at=max(row.at, before.post_at),
        line=row.line,
        body={**body, **happened},
    )


def _immaterial(mapping: LogMapping) -> list[dict[str, object]]:
    noted = isinstance(mapping.rows, EventRows) and mapping.rows.immaterial is Immaterial.NOTED
    return [{"type": "noted"}] if noted else []


def _changes(before: Row, after: Row) -> list[dict[str, object]]:
    """The events that lead from one row to the next; none when nothing changed that matters."""
    if after.happening == REPLIED:
        return [{"type": "replied", "by": "agent"}]
    events: list[dict[str, object]] = []
    if before.pause and before.pause != after.pause:
        events.append({"type": "resumed", "cause": before.pause})
    changed: dict[str, object] = {}
    if before.happening != after.happening:
        changed["state"] = after.happening
    facts = {name: value for name, value in after.facts.items() if value != before.facts.get(name)}
    if facts:
        changed["facts"] = _nested(facts)
    if changed:
        events.append({"type": "changed", **changed})
    if after.pause and before.pause != after.pause:
        events.append({"type": "paused", "cause": after.pause})
    return events


def _verdict(rows: Sequence[Row], mapping: LogMapping) -> Verdict:
    groups = [row.group for row in rows if row.group is not None]
    on = mapping.outcome.on if mapping.outcome else LAST
    judged = [row.kept for row in rows if on in (LAST, row.happening)]
    return Verdict(groups[-1] if groups else "", judged[-1] if judged else None)


def _nested(facts: Mapping[str, Value]) -> dict[str, object]:
    """Facts as the API takes them: those of the tenant's own making stand under `custom`."""
    body: dict[str, object] = {name: value for name, value in facts.items() if not name.startswith(CUSTOM)}
    custom = {name.removeprefix(CUSTOM): value for name, value in facts.items() if name.startswith(CUSTOM)}
    return {**body, "custom": custom} if custom else body

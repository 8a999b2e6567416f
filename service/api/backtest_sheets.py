"""The requests that a backtest found to differ, as a sheet (CSV, RFC 4180)."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from service.backtests import service
from service.backtests.domain import ChangeKind
from service.backtests.weighing import SIDES
from service.db import Sessions, tenant_transaction
from service.ids import BacktestId, TenantId
from service.rules.tables.sheet import guarded

CHANGES_AT_ONCE = 500
COLUMNS = ("id", "source", "external_id", "opened_at", "decided_at", "kinds")
OF_A_SIDE = ("verdict", "reason", "proposal", "gates", "windows", "ladders", "rules", "promises", "notices")


async def lines(
    sessions: Sessions, tenant_id: TenantId, backtest_id: BacktestId, *, kind: ChangeKind | None
) -> AsyncGenerator[str]:
    """The sheet, some requests at a time.

    Each part is read in a transaction of its own: a streamed answer outlives the transaction of its request.
    """
    yield _sheet([[*COLUMNS, *(f"{name} {side}" for side in SIDES for name in OF_A_SIDE)]])
    after: int | None = None
    while True:
        async with tenant_transaction(sessions, tenant_id) as session:
            found = await service.changes(session, backtest_id, kind=kind, after=after, limit=CHANGES_AT_ONCE)
        yield _sheet(_cells(change) for _, change in found)
        if len(found) < CHANGES_AT_ONCE:
            return
        after = found[-1][0]


def _sheet(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([guarded(cell) for cell in row] for row in rows)
    return file.getvalue()


def _cells(change: Mapping[str, Any]) -> list[str]:
    """One request: what is in a list stands in one cell, an entry on each line."""
    kinds = " ".join(change["kinds"])
    sides = [cell for side in SIDES for cell in _cells_of_side(change[side])]
    return [*(change[name] for name in COLUMNS[:-1]), kinds, *sides]


def _cells_of_side(side: Mapping[str, Any]) -> list[str]:
    rules = [rule for each in side["rules"].values() for rule in each]
    promises = [
        f"{each['metric']} {each['outcome']}" + ("" if each["due_at"] is None else f", due {each['due_at']}")
        for each in side["promises"]
    ]
    lists = (
        [_in_json(side["proposal"])] if side.get("proposal") else [],
        [_gate(each) for each in side.get("gates", ())],
        [_window(each) for each in side.get("windows", ())],
        side["ladders"],
        rules,
        promises,
        [_notice(each) for each in side.get("notices", ())],
    )
    return [side["verdict"], side.get("reason") or "", *("\n".join(each) for each in lists)]


def _gate(gate: Mapping[str, Any]) -> str:
    """A gate by its kind, with all that it asks for."""
    asks = {name: value for name, value in gate.items() if name != "gate"}
    return f"{gate['gate']} {_in_json(asks)}" if asks else gate["gate"]


def _window(window: Mapping[str, Any]) -> str:
    stands = f"{window['gate']} {window['calendar']}: {window['state']}"
    return f"{stands}, {window['missing']}" if window["missing"] else stands


def _in_json(said: object) -> str:
    return msgspec.json.encode(said).decode()


def _notice(step: Mapping[str, Any]) -> str:
    """One step of a ladder: how often it tells whom, and how often nobody."""
    times = {", ".join(step["to"]): step["told"], "nobody": step["nobody"]}
    told = [f"{count} x {whom}" for whom, count in times.items() if count]
    return f"{step['ladder']}/{step['step']}: {'; '.join(told)}; first {step['first_at']}"

"""The canonical form of a policy's document, and what differs between two of them. Pure.

Two documents that say the same in other words of spelling, spacing or order of keys have one canonical form.
Outcomes, and the facts of tests, stay as they were written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import Any, cast

import msgspec

from service.errors import pointer_to
from service.rules.documents import DocumentForm, RuleForm
from service.rules.domain import ORDER_DEFAULT
from service.rules.language.format import format_expression
from service.rules.language.parse import parse
from service.rules.tables.table import RowForm, TableForm, row_names

LINE_LENGTH_MAX = 110
INDENT = "  "


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs.

    Attributes:
        rule: the rule or row by its name; None for what belongs to the policy as a whole.
        part: the place in it, as a JSON Pointer: `/when`, `/then/promises/0/metric`; in a row of a table
            `/when/0` is the first cell. Empty for the whole.
    """

    change: Change
    rule: str | None
    part: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule or a row, by its name, as plain values."""

    name: str
    content: dict[str, Any]


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it is best written: conditions formatted, cells trimmed, keys in their order.

    Args:
        document: one that `documents.read` accepts.
    """
    form = msgspec.convert(document, DocumentForm)
    written: dict[str, Any] = {"hit_policy": form.hit_policy.value}
    scope = {name: sorted(set(names)) for name, names in msgspec.to_builtins(form.applies_to).items()}
    if scope:
        written["applies_to"] = scope
    if form.order != ORDER_DEFAULT:
        written["order"] = form.order
    if form.facts:
        written["facts"] = dict(sorted(form.facts.items()))
    if form.table is None:
        written["rules"] = [_canonical_rule(rule) for rule in form.rules]
    else:
        written["table"] = _canonical_table(form.table)
    if form.tests:
        written["tests"] = msgspec.to_builtins(form.tests)
    return written


def text_of(document: Mapping[str, Any]) -> str:
    """A document as a file: JSON, indented by two, with a line end. What fits on a line stands on one."""
    return _laid_out(document, 0, LINE_LENGTH_MAX) + "\n"


def _laid_out(value: object, depth: int, room: int) -> str:
    """A value that begins where so much room is left on the line."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if len(text) < room or not value or not isinstance(value, Mapping | list):
        return text
    indent = INDENT * (depth + 1)
    if isinstance(value, list):
        brackets, parts = "[]", [("", item) for item in cast("list[object]", value)]
    else:
        entries = cast("Mapping[str, object]", value)
        brackets = "{}"
        parts = [(f"{msgspec.json.encode(key).decode()}: ", item) for key, item in entries.items()]
    lines = [
        f"{indent}{name}{_laid_out(item, depth + 1, LINE_LENGTH_MAX - len(indent) - len(name))}"
        for name, item in parts
    ]
    return f"{brackets[0]}\n" + ",\n".join(lines) + f"\n{INDENT * depth}{brackets[1]}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two documents, by rule and cell: first in the whole, then in the rules."""
    old, new = canonical(before), canonical(after)
    found = _parts(None, "", _whole(old), _whole(new))
    old_rules, new_rules = _rules(old), _rules(new)
    old_by_name = {rule.name: rule.content for rule in old_rules}
    new_by_name = {rule.name: rule.content for rule in new_rules}
    moved = _moved([rule.name for rule in old_rules], [rule.name for rule in new_rules])
    for rule in new_rules:
        earlier = old_by_name.get(rule.name)
        if earlier is None:
            found.append(Difference(Change.ADDED, rule.name, "", after=rule.content))
            continue
        if rule.name in moved:
            found.append(Difference(Change.MOVED, rule.name, ""))
        found += _parts(rule.name, "", earlier, rule.content)
    gone = [rule for rule in old_rules if rule.name not in new_by_name]
    return [*found, *(Difference(Change.REMOVED, rule.name, "", before=rule.content) for rule in gone)]


def _canonical_rule(rule: RuleForm) -> dict[str, Any]:
    return {
        "id": rule.id,
        **_ranked(rule.rank),
        "when": format_expression(parse(rule.when)),
        "then": rule.then,
        "because": rule.because.strip() or rule.because,
    }


def _ranked(rank: int | None) -> dict[str, Any]:
    return {} if rank is None else {"rank": rank}


def _canonical_table(table: TableForm) -> dict[str, Any]:
    written = msgspec.to_builtins(table)
    written["rows"] = [_canonical_row(row) for row in table.rows]
    return {name: written[name] for name in ("inputs", "outputs", "then", "rows") if name in written}


def _canonical_row(row: RowForm) -> dict[str, Any]:
    return {
        **({} if row.id is None else {"id": row.id}),
        **_ranked(row.rank),
        "when": [_canonical_cell(cell.strip()) for cell in row.when],
        **({"then": row.then} if row.then else {}),
        "because": row.because.strip() or row.because,
    }


def _canonical_cell(cell: str) -> str:
    """A condition is formatted; in any other cell every space may belong to a value."""
    return f"= {format_expression(parse(cell[1:]))}" if cell.startswith("=") else cell


def _whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to the policy as a whole: all but its rules and rows."""
    table = document.get("table")
    whole = {name: value for name, value in document.items() if name not in {"rules", "table"}}
    return whole if table is None else {**whole, **{k: v for k, v in table.items() if k != "rows"}}


def _rules(document: Mapping[str, Any]) -> list[_Rule]:
    if "rules" in document:
        return [_Rule(rule["id"], {k: v for k, v in rule.items() if k != "id"}) for rule in document["rules"]]
    names = row_names(msgspec.convert(document["table"], TableForm).rows)
    rows = document["table"]["rows"]
    return [
        _Rule(name, {k: v for k, v in row.items() if k != "id"})
        for name, row in zip(names, rows, strict=True)
    ]


def _moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The rules that both have and that do not stand where the longest runs of both stand."""
    common = set(before) & set(after)
    old, new = ([name for name in names if name in common] for names in (before, after))
    runs = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    kept = {name for run in runs for name in old[run.a : run.a + run.size]}
    return common - kept


_NOTHING = object()


def _parts(rule: str | None, pointer: str, before: Any, after: Any) -> list[Difference]:
    """The smallest parts that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        pairs = [(name, old.get(name, _NOTHING), new.get(name, _NOTHING)) for name in {**old, **new}]
    elif isinstance(before, list) and isinstance(after, list):
        both = zip_longest(cast("list[Any]", before), cast("list[Any]", after), fillvalue=_NOTHING)
        pairs = [(str(place), *pair) for place, pair in enumerate(both)]
    else:
        return _difference(rule, pointer, cast("object", before), cast("object", after))
    return [
        found for step, one, other in pairs for found in _parts(rule, pointer_to(pointer, step), one, other)
    ]


def _difference(rule: str | None, pointer: str, before: object, after: object) -> list[Difference]:
    if type(before) is type(after) and before == after:
        return []
    if before is _NOTHING:
        return [Difference(Change.ADDED, rule, pointer, after=after)]
    if after is _NOTHING:
        return [Difference(Change.REMOVED, rule, pointer, before=before)]
    return [Difference(Change.CHANGED, rule, pointer, before, after)]

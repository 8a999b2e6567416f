"""Reads a mapping from YAML; refuses it with every fault, not only the first. Pure."""

from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.errors import Fault
from service.replay import forms
from service.replay.errors import MappingInvalid
from service.replay.forms import Form, suggestion
from service.replay.mapping import (
    CUSTOM,
    ISO,
    LAST,
    REPLIED,
    CaseRows,
    EventRows,
    FactColumn,
    FactType,
    Immaterial,
    LogMapping,
    OutcomeColumn,
    Standing,
    Times,
)
from service.requests.domain import State
from service.rules.vocabulary import GIVEN_BY_SOURCE, RequestType


def parse(text: str, *, name: str) -> LogMapping:
    """Read a mapping. Raises MappingInvalid with every fault, not only the first."""
    content, faults = forms.load(text)
    if not faults and not isinstance(content, dict):
        faults = [Fault("", "a mapping is a YAML object; see docs/guides/replay.md.")]
    if faults:
        raise MappingInvalid(name, faults)
    form = Form(cast("dict[str, object]", content))
    mapping = _mapping(form)
    form.refuse_unknown()
    _refuse_hindsight(mapping, form.faults)
    if form.faults:
        raise MappingInvalid(name, form.faults)
    return mapping


def _mapping(form: Form) -> LogMapping:
    return LogMapping(
        source=form.text("source"),
        type=form.choice("type", list(RequestType), default=RequestType.INCIDENT),
        case=form.text("case"),
        opened_at=form.optional("opened_at"),
        times=_times(form.section("times")),
        rows=_rows(form),
        facts=_facts(form.section("facts")),
        title=form.optional("title"),
        client=form.optional("client"),
        service=form.optional("service"),
        nulls=frozenset({"", *form.texts("nulls")}),
        hindsight=frozenset(form.texts("hindsight")),
        outcome=_outcome(form.section("outcome")) if form.has("outcome") else None,
        group_by=form.optional("group_by"),
        delimiter=_delimiter(form),
    )


def _delimiter(form: Form) -> str:
    delimiter = form.optional("delimiter") or ","
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if len(delimiter) != 1 or delimiter in '"\r\n':
        form.fault("delimiter", f"{delimiter!r} is not one character that can separate columns.")
        return ","
    return delimiter


def _times(form: Form) -> Times:
    zone = form.text("zone")
    pattern = form.text("format")
    if pattern and pattern != ISO and "%" not in pattern:
        form.fault("format", f"{pattern!r} is neither `iso` nor a pattern such as '%d/%m/%Y %H:%M'.")
    try:
        return Times(pattern, ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.fault("zone", f"{zone!r} is not an IANA time zone such as Europe/Berlin or UTC.")
        return Times(pattern, ZoneInfo("UTC"))


def _rows(form: Form) -> EventRows | CaseRows:
    if form.has("milestones"):
        if form.has("happened_at") or form.has("state"):
            form.fault(
                "milestones", "a log has a row per case (milestones) or per event (happened_at), not both."
            )
            form.asked += ["happened_at", "state", "order", "immaterial"]
        return _case_rows(form)
    happened_at, order = form.text("happened_at"), form.optional("order")
    immaterial = Immaterial(form.choice("immaterial", list(Immaterial), default=Immaterial.NOTED))
    state = form.section("state")
    return EventRows(happened_at, order, state.text("column"), _states(state.section("values")), immaterial)


def _case_rows(form: Form) -> CaseRows:
    section = form.section("milestones")
    known = [REPLIED, State.RESOLVED.value, State.CLOSED.value, State.CANCELLED.value]
    milestones = {name: section.text(name) for name in known if section.has(name)}
    section.asked += known
    if not form.has("opened_at"):
        form.fault("opened_at", "is missing: a log with a row per case says when each was opened.")
    if not milestones:
        form.fault("milestones", f"names no column; known are {', '.join(known)}.")
    return CaseRows(milestones)


def _states(form: Form) -> dict[str, Standing]:
    if not form.content:
        form.faults.append(Fault(form.pointer, "say what each state of the log means, such as `New: open`."))
    return {name: _standing(form, name) for name in form.content}


def _standing(form: Form, name: str) -> Standing:
    if isinstance(form.content[name], dict):
        inner = form.section(name)
        return Standing(State.OPEN, inner.text("pause"))
    return Standing(State(form.choice(name, list(State), default=State.OPEN)))


def _facts(form: Form) -> tuple[FactColumn, ...]:
    facts: list[FactColumn] = []
    for name, value in form.content.items():
        if name not in GIVEN_BY_SOURCE and not name.removeprefix(CUSTOM).isidentifier():
            form.fault(name, "is not a name for a fact.")
        elif name not in GIVEN_BY_SOURCE and not name.startswith(CUSTOM):
            form.fault(
                name,
                f"is not a fact of a request; call it {CUSTOM}{name}{suggestion(name, GIVEN_BY_SOURCE)}.",
            )
        if isinstance(value, dict):
            inner = form.section(name)
            kind = FactType(inner.choice("type", list(FactType), default=FactType.STRING))
            facts.append(FactColumn(name, inner.text("column"), kind))
        else:
            facts.append(FactColumn(name, form.text(name)))
    return tuple(facts)


def _outcome(form: Form) -> OutcomeColumn:
    outcome = OutcomeColumn(
        metric=form.optional("metric") or "resolve",
        column=form.text("column"),
        kept=frozenset(form.texts("kept")),
        broken=frozenset(form.texts("broken")),
        on=form.choice("on", [LAST, *State], default=LAST),
    )
    if not outcome.kept or not outcome.broken:
        form.fault("kept" if not outcome.kept else "broken", "say which values of the column mean it.")
    for value in sorted(outcome.kept & outcome.broken):
        form.fault("broken", f"{value!r} cannot mean kept as well.")
    return outcome


def _refuse_hindsight(mapping: LogMapping, faults: list[Fault]) -> None:
    """What the log only knew later must not be told to the rules."""
    hidden = mapping.hindsight | ({mapping.outcome.column} if mapping.outcome else set[str]())
    judged_by = {"/outcome/column", "/group_by"}
    judged_by |= {pointer for pointer in mapping.columns() if pointer.startswith("/milestones/")}
    faults.extend(
        Fault(pointer, f"column {column!r} is hindsight, so nothing may be told from it.")
        for pointer, column in mapping.columns().items()
        if column in hidden and pointer not in judged_by
    )

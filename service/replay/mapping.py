"""How to read one CSV log: which column is what. Parsed from YAML; names every fault with its place."""

import difflib
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from service.errors import Fault
from service.replay.errors import MappingInvalid
from service.rules.vocabulary import GIVEN_BY_SOURCE

ISO = "iso"
CUSTOM = "custom."
LAST = "last"
REPLIED = "replied"


class State(StrEnum):
    """What the API calls the state of a request."""

    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class FactType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Immaterial(StrEnum):
    """What becomes of a row that changes nothing a policy can see."""

    NOTED = "noted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a state of the log means: a state of the request, and the cause when its clocks wait."""

    state: State
    pause: str | None = None


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A column that becomes a fact; `name` is as in `request.<name>`."""

    name: str
    column: str
    type: FactType = FactType.STRING


@dataclass(frozen=True, slots=True)
class Times:
    """How the log writes an instant.

    Attributes:
        pattern: as for strptime, or `iso`.
        zone: the zone of times that carry no offset.
    """

    pattern: str
    zone: ZoneInfo

    def instant(self, text: str) -> datetime:
        """The instant in UTC; a time that the zone has twice is its first. Raises ValueError."""
        local = (
            datetime.fromisoformat(text) if self.pattern == ISO else datetime.strptime(text, self.pattern)  # noqa: DTZ007 - the zone follows
        )
        aware = local if local.tzinfo is not None else local.replace(tzinfo=self.zone)
        try:
            return aware.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{text!r} lies outside the calendar") from error


@dataclass(frozen=True, slots=True)
class EventRows:
    """One row per event: when it happened, what orders the rows of a case, and the state after it."""

    happened_at: str
    order: str | None
    state: str
    states: dict[str, Standing]
    immaterial: Immaterial


@dataclass(frozen=True, slots=True)
class CaseRows:
    """One row per case: the columns that hold when it was replied to, resolved, closed, cancelled."""

    milestones: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeColumn:
    """The log's own verdict on a promise, to compare with.

    Attributes:
        metric: of which promise.
        on: the verdict counts as it stands on the case's last row in this state, or on its `last` row.
    """

    metric: str
    column: str
    kept: frozenset[str]
    broken: frozenset[str]
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMapping:
    source: str
    type: str
    case: str
    opened_at: str | None
    times: Times
    rows: EventRows | CaseRows
    facts: tuple[FactColumn, ...]
    title: str | None = None
    client: str | None = None
    service: str | None = None
    nulls: frozenset[str] = frozenset({""})
    hindsight: frozenset[str] = frozenset()
    outcome: OutcomeColumn | None = None
    group_by: str | None = None
    delimiter: str = ","

    def columns(self) -> dict[str, str]:
        """Every column that the mapping reads, by the place in the mapping that names it."""
        named = {
            "/case": self.case,
            "/opened_at": self.opened_at,
            "/title": self.title,
            "/client": self.client,
            "/service": self.service,
            "/group_by": self.group_by,
            "/outcome/column": self.outcome.column if self.outcome else None,
        }
        named |= {f"/facts/{fact.name}": fact.column for fact in self.facts}
        if isinstance(self.rows, EventRows):
            named |= {
                "/happened_at": self.rows.happened_at,
                "/order": self.rows.order,
                "/state/column": self.rows.state,
            }
        else:
            named |= {f"/milestones/{name}": column for name, column in self.rows.milestones.items()}
        return {pointer: column for pointer, column in named.items() if column is not None}


def parse(text: str, *, name: str) -> LogMapping:
    """Read a mapping. Raises MappingInvalid with every fault, not only the first."""
    try:
        content: object = yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise MappingInvalid(name, [_fault_of_yaml(error)]) from error
    except yaml.YAMLError as error:
        raise MappingInvalid(name, [Fault("", f"it is not YAML: {error}")]) from error
    if not isinstance(content, dict):
        raise MappingInvalid(name, [Fault("", "a mapping is a YAML object; see docs/guides/replay.md.")])
    form = _Form(cast("dict[str, object]", content))
    mapping = _mapping(form)
    form.refuse_unknown()
    _refuse_hindsight(mapping, form.faults)
    if form.faults:
        raise MappingInvalid(name, form.faults)
    return mapping


def faults_of_header(mapping: LogMapping, header: Sequence[str]) -> list[Fault]:
    """Which columns the mapping names and the log does not have, or has twice."""
    faults: list[Fault] = []
    for pointer, column in mapping.columns().items():
        if column not in header:
            faults.append(Fault(pointer, f"the log has no column {column!r}{_suggestion(column, header)}."))
        elif header.count(column) > 1:
            faults.append(Fault(pointer, f"the log has more than one column {column!r}; rename one."))
    return faults


class _Loader(yaml.SafeLoader):
    """Every scalar is text (`true`, `no` and `1` are values of a log), and no key counts twice."""

    yaml_implicit_resolvers: dict[str, list[object]] = {}  # noqa: RUF012 - as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[object] = set()
        for key_node, _ in node.value:
            key: object = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} stands here for the second time", problem_mark=key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return cast("dict[Hashable, object]", super().construct_mapping(node, deep))


def _fault_of_yaml(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark
    if mark is None:
        return Fault("", f"it is not YAML: {error.problem}.")
    line, column = mark.line + 1, mark.column + 1
    return Fault("", f"line {line}, column {column}: {error.problem}.", line, column)


def _suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(map(str, known)), n=1)
    return f"; did you mean {close[0]!r}" if close else f"; known are {', '.join(known)}"


@dataclass(slots=True)
class _Form:
    """A YAML object read key by key; what is wrong is collected, so that all of it is told at once."""

    content: dict[str, object]
    pointer: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])
    asked: list[str] = field(default_factory=list[str])
    sections: list["_Form"] = field(default_factory=list["_Form"])

    def fault(self, key: str, detail: str) -> None:
        self.faults.append(Fault(f"{self.pointer}/{key}", detail))

    def has(self, key: str) -> bool:
        return key in self.content

    def optional(self, key: str) -> str | None:
        self.asked.append(key)
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "one text is expected here.")
            return None
        return value

    def text(self, key: str) -> str:
        if not self.has(key):
            self.asked.append(key)
            self.fault(key, "is missing.")
            return ""
        return self.optional(key) or ""

    def choice(self, key: str, choices: Collection[str], *, default: str) -> str:
        value = self.optional(key) or default
        if value in choices:
            return value
        self.fault(key, f"{value!r} is not known{_suggestion(value, choices)}.")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        self.asked.append(key)
        value = self.content.get(key, [])
        listed = cast("list[object]", value) if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in listed):
            return tuple(str(item) for item in listed)
        self.fault(key, "a list of texts is expected here.")
        return ()

    def section(self, key: str) -> "_Form":
        self.asked.append(key)
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, "an object is expected here.")
            value = {}
        inner = _Form(cast("dict[str, object]", value), f"{self.pointer}/{key}", self.faults)
        self.sections.append(inner)
        return inner

    def refuse_unknown(self) -> None:
        for section in self.sections:
            section.refuse_unknown()
        for key in self.content:
            if key not in self.asked:
                self.fault(str(key), f"is not known here{_suggestion(str(key), self.asked)}.")


def _mapping(form: _Form) -> LogMapping:
    return LogMapping(
        source=form.text("source"),
        type=form.optional("type") or "incident",
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


def _delimiter(form: _Form) -> str:
    delimiter = form.optional("delimiter") or ","
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if len(delimiter) != 1 or delimiter in '"\r\n':
        form.fault("delimiter", f"{delimiter!r} is not one character that can separate columns.")
        return ","
    return delimiter


def _times(form: _Form) -> Times:
    zone = form.text("zone")
    pattern = form.text("format")
    if pattern and pattern != ISO and "%" not in pattern:
        form.fault("format", f"{pattern!r} is neither `iso` nor a pattern such as '%d/%m/%Y %H:%M'.")
    try:
        return Times(pattern, ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.fault("zone", f"{zone!r} is not an IANA time zone such as Europe/Berlin or UTC.")
        return Times(pattern, ZoneInfo("UTC"))


def _rows(form: _Form) -> EventRows | CaseRows:
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


def _case_rows(form: _Form) -> CaseRows:
    section = form.section("milestones")
    known = [REPLIED, State.RESOLVED.value, State.CLOSED.value, State.CANCELLED.value]
    milestones = {name: section.text(name) for name in known if section.has(name)}
    section.asked += known
    if not form.has("opened_at"):
        form.fault("opened_at", "is missing: a log with a row per case says when each was opened.")
    if not milestones:
        form.fault("milestones", f"names no column; known are {', '.join(known)}.")
    return CaseRows(milestones)


def _states(form: _Form) -> dict[str, Standing]:
    if not form.content:
        form.faults.append(Fault(form.pointer, "say what each state of the log means, such as `New: open`."))
    return {name: _standing(form, name) for name in form.content}


def _standing(form: _Form, name: str) -> Standing:
    if isinstance(form.content[name], dict):
        inner = form.section(name)
        return Standing(State.OPEN, inner.text("pause"))
    return Standing(State(form.choice(name, list(State), default=State.OPEN)))


def _facts(form: _Form) -> tuple[FactColumn, ...]:
    facts: list[FactColumn] = []
    for name, value in form.content.items():
        if name not in GIVEN_BY_SOURCE and not name.removeprefix(CUSTOM).isidentifier():
            form.fault(name, "is not a name for a fact.")
        elif name not in GIVEN_BY_SOURCE and not name.startswith(CUSTOM):
            form.fault(
                name,
                f"is not a fact of a request; call it {CUSTOM}{name}{_suggestion(name, GIVEN_BY_SOURCE)}.",
            )
        if isinstance(value, dict):
            inner = form.section(name)
            kind = FactType(inner.choice("type", list(FactType), default=FactType.STRING))
            facts.append(FactColumn(name, inner.text("column"), kind))
        else:
            facts.append(FactColumn(name, form.text(name)))
    return tuple(facts)


def _outcome(form: _Form) -> OutcomeColumn:
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

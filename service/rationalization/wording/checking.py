"""What is wrong with a template as it is written: it is read, counted, and tried. Pure.

Nothing that is missing may make a message fail, or leave it blank. So it is tried with the longest values of
everything that may be there: with all of it, with none, with each alone, and without each.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from service.errors import Fault
from service.rationalization.wording import engine
from service.rationalization.wording.domain import (
    VARIABLES,
    MessageKind,
    Variable,
    Written,
    characters,
    scanning,
    values,
)
from service.rationalization.wording.domain.spoken import Manner
from service.rationalization.wording.domain.values import Bound
from service.rationalization.wording.engine import Program, Unreadable, Untold
from service.rationalization.wording.reading import STEPS_MAX, Reader

FAULTS_MAX = 20
SUBJECT_SOURCE_CHARACTERS_MAX = 1_000


def faults_of(kind: MessageKind, written: Written, manner: Manner, now: datetime) -> list[Fault]:
    """What is wrong with the words of a message; each fault says where."""
    subject, faults = _read(kind, written.subject, "/subject")
    body, faults_of_body = _read(kind, written.body, "/body")
    if len(written.subject) > SUBJECT_SOURCE_CHARACTERS_MAX:
        faults.append(Fault("/subject", f"Write at most {SUBJECT_SOURCE_CHARACTERS_MAX} characters."))
    found = [*faults, *faults_of_body]
    if subject is None or body is None or found:
        return found[:FAULTS_MAX]
    given = values.bound(kind, values.longest(kind, now), manner)
    first: dict[tuple[str, str], Fault] = {}
    for there in _sets(kind, given):
        for about, fault in _tried(kind, (subject, body), there, given):
            first.setdefault((fault.pointer, about), fault)
    return list(first.values())[:FAULTS_MAX]


def _read(kind: MessageKind, source: str, pointer: str) -> tuple[Program | None, list[Fault]]:
    if len(source) > scanning.SOURCE_CHARACTERS_MAX:
        detail = f"{len(source)} characters; write at most {scanning.SOURCE_CHARACTERS_MAX}."
        return None, [Fault(pointer, detail)]
    faults = [*characters.faults_of_characters(source, pointer), *scanning.faults_of_marks(source, pointer)]
    if faults:
        return None, faults
    try:
        program = engine.read(source)
    except Unreadable as error:
        return None, [
            engine.fault(pointer, source, f"It cannot be read: {error.detail.rstrip('.')}.", error.at)
        ]
    reader = Reader({variable.name: variable.type for variable in VARIABLES[kind]})
    steps = reader.steps(program)
    faults = [engine.fault(pointer, source, flaw.detail, flaw.at) for flaw in reader.flaws]
    if steps > STEPS_MAX:
        faults.append(
            Fault(pointer, f"To tell it takes {steps} steps, and may take {STEPS_MAX}; make it simpler.")
        )
    return program, faults


def _sets(kind: MessageKind, given: Mapping[str, Bound]) -> Iterator[frozenset[str]]:
    """Which variables there may be: all, those that always are, these with each other one, all but each."""
    always = frozenset(variable.name for variable in VARIABLES[kind] if variable.is_always_there)
    everything = frozenset(given)
    yield everything
    yield always
    for name in sorted(everything - always):
        yield always | {name}
        yield everything - {name}


def _tried(
    kind: MessageKind, programs: tuple[Program, Program], there: frozenset[str], given: Mapping[str, Bound]
) -> Iterator[tuple[str, Fault]]:
    """What goes wrong if only these are there, each with what it is about: the same is told once."""
    said: list[str] = []
    for program, pointer in zip(programs, ("/subject", "/body"), strict=True):
        try:
            text = program.told({name: value for name, value in given.items() if name in there})
        except Untold as error:
            yield error.detail, engine.fault(pointer, program.source, _untold(error), error.at)
            return
        if not text:
            yield "nothing", Fault(pointer, f"It says nothing {_when(there, given)}.")
        said.append(text.casefold())
    for variable in VARIABLES[kind]:
        if variable.is_owed and variable.name in there and not _is_said(given[variable.name], said[1]):
            yield variable.name, Fault("/body", _unsaid(variable, there, given))


def _is_said(value: Bound, said: str) -> bool:
    return str(value).casefold() in said


def _unsaid(variable: Variable, there: frozenset[str], given: Mapping[str, Bound]) -> str:
    when = "" if there == frozenset(given) else f" {_when(there, given)}"
    return f"It does not say {{{{ {variable.name} }}}}{when}, which the requester is to be told in full."


def _untold(error: Untold) -> str:
    if not error.missing:
        return f"It cannot be told: {error.detail}"
    return f"It cannot be told: {error.detail}, as it may be; speak of it inside of an `if` that asks for it."


def _when(there: frozenset[str], given: Mapping[str, Bound]) -> str:
    missing = sorted(frozenset(given) - there)
    if not missing:
        return "at all"
    return f"when {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def limits() -> Mapping[str, int]:
    """The bounds of a template, by name: see docs/guides/messages.md."""
    return {
        "source_characters_max": scanning.SOURCE_CHARACTERS_MAX,
        "subject_source_characters_max": SUBJECT_SOURCE_CHARACTERS_MAX,
        "mark_characters_max": scanning.MARK_CHARACTERS_MAX,
        "steps_max": STEPS_MAX,
        "text_characters_max": engine.OUTPUT_CHARACTERS_MAX,
    }

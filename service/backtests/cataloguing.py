"""The types of request that a backtest goes by: those of its history, and those that are tried."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.backtests import store
from service.backtests.errors import BacktestInvalid
from service.backtests.spec import BacktestSpec, TriedType
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.rationalization.catalogue import trying
from service.rationalization.catalogue.errors import RequestTypeInvalid, RequestTypeNotFound
from service.rationalization.catalogue.trying import TypeTrial
from service.rationalization.verdicts import Gate
from service.rules.vocabulary import RequestType

FAMILIES = frozenset(each.value for each in RequestType)


@dataclass(frozen=True, slots=True)
class TypesTried:
    """The types that a backtest goes by.

    Attributes:
        offered: those that a log's requests are taken for, which do not know their own.
        tried: in the order in which they were given.
        calendars: the names of the calendars that gates of any of them go by.
    """

    offered: list[TypeTrial]
    tried: list[TypeTrial]
    calendars: frozenset[str]


async def types_of(session: TenantSession, spec: BacktestSpec, *, until: datetime) -> TypesTried:
    """Raises BacktestInvalid, with the places in the body."""
    tried: list[TypeTrial] = []
    for place, each in enumerate(spec.types):
        pointer = pointer_to("/types", place)
        trial = await _tried(session, each, pointer)
        if any(other.name == trial.name for other in tried):
            detail = f"A type before this one stands in the place of {trial.name!r} already."
            raise BacktestInvalid([Fault(pointer, detail)])
        if spec.history.log_id is not None and trial.name not in FAMILIES:
            detail = (
                "A log knows requests by their kind alone, and none of this type; to try it on all of its"
                f" family, call it `{trial.family}`."
            )
            raise BacktestInvalid([Fault(pointer, detail)])
        tried.append(trial)
    if spec.history.log_id is not None:
        offered = await trying.offered(session, FAMILIES)
        gates = [gate for trial in (*offered, *tried) for gate in trial.requires]
        return TypesTried(offered, tried, calendars_of(gates))
    own = await trying.required(session, await store.own_types(session, spec.period(until)))
    gates = [gate for each in (*own.values(), *(trial.requires for trial in tried)) for gate in each]
    return TypesTried([], tried, calendars_of(gates))


def calendars_of(gates: Sequence[Gate]) -> frozenset[str]:
    """The names of the calendars that gates go by."""
    named = (getattr(gate, "calendar", None) for gate in gates)
    return frozenset(name for name in named if name is not None)


def check_calendars(types: TypesTried, known: Collection[str], spec: BacktestSpec) -> None:
    """Raises BacktestInvalid: a type that is tried goes by a calendar that there is not."""
    there = {*known, *(each.name for each in spec.tried_calendars)}
    faults = [
        Fault(
            _place_of_calendar(asked, place, at),
            f"There is no calendar {name!r}; name one that is there, or try it too.",
        )
        for place, (asked, trial) in enumerate(zip(spec.types, types.tried, strict=True))
        for at, gate in enumerate(trial.requires)
        for name in calendars_of([gate]) - there
    ]
    if faults:
        raise BacktestInvalid(faults)


def _place_of_calendar(asked: TriedType, place: int, gate: int) -> str:
    """Where a calendar is named; of a version that is stored, the body has no document to point into."""
    if asked.document is None:
        return pointer_to("/types", place)
    return pointer_to("/types", place, "document", "requires", gate, "calendar")


async def _tried(session: TenantSession, tried: TriedType, pointer: str) -> TypeTrial:
    """What is tried, read. Raises BacktestInvalid with the places in the body."""
    try:
        if tried.type_id is not None and tried.version is not None:
            return await trying.stored(session, tried.type_id, tried.version)
        return await trying.written(session, tried.name or "", tried.family, tried.document or {})
    except RequestTypeInvalid as refusal:
        found = [replace(each, pointer=f"{pointer}{each.pointer}") for each in refusal.faults]
        raise BacktestInvalid(found) from refusal
    except RequestTypeNotFound as refusal:
        raise BacktestInvalid([Fault(pointer, str(refusal))]) from refusal

"""Readies a sandbox tenant of our own for one backtest: calendars, policies to compare with, and a log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.remote import backtests, history
from service.remote import files as reading
from service.remote.backtests import Backtest
from service.remote.files import KIND_DEFAULT, PolicyFile
from service.remote.history import Imported, Log, Source
from service.replay import setup as setting_up
from service.replay.client import Client, key_of
from service.replay.log import Cases
from service.replay.progress import Advance
from service.replay.setup import Setup

REGISTERS = {"client": "/v1/clients", "service": "/v1/services"}
"""Where what a log names has to be registered, by its place in a submission."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a backtest on a sandbox of our own is made of.

    Attributes:
        setup: calendars, and the policies that stand for those in effect.
        candidates: those that are tried, under the names of those whose place they take.
        calendars: that are tried.
    """

    setup: Setup
    candidates: Sequence[PolicyFile]
    calendars: Sequence[Mapping[str, object]] = ()


def prepared(
    policies: Sequence[Path],
    *,
    against: Sequence[Path],
    calendars: Sequence[Path],
    tried: Sequence[Path] = (),
) -> Bench:
    """Read everything before anything is started. Raises PolicyFileUnusable, SetupUnreadable.

    Args:
        policies: those that are tried.
        against: those that stand for what is in effect.
        calendars: as they are.
        tried: calendars that are tried in the place of those of their names.
    """
    candidates = [reading.read(path) for path in policies]
    standing = [reading.read(path) for path in against]
    setup = Setup(calendars_in(calendars), tuple(map(_body, standing)))
    return Bench(setup, paired(candidates, standing), calendars_in(tried))


def calendars_in(files: Sequence[Path]) -> tuple[dict[str, object], ...]:
    """The calendars in these files, each with its name. Raises SetupUnreadable."""
    return setting_up.load(files, ()).calendars


def paired(tried: Sequence[PolicyFile], standing: Sequence[PolicyFile]) -> list[PolicyFile]:
    """What is tried, under the name of what it takes the place of.

    That is the policy of its name, or else the only one of its kind, if it is the only one tried of it too.
    """
    return [_renamed(file, tried, standing) for file in tried]


def _renamed(file: PolicyFile, tried: Sequence[PolicyFile], standing: Sequence[PolicyFile]) -> PolicyFile:
    kind = _kind(file)
    of_kind = [each for each in standing if _kind(each) == kind]
    is_named = any(each.name == file.name for each in of_kind)
    is_alone = len(of_kind) == 1 and sum(_kind(each) == kind for each in tried) == 1
    name = of_kind[0].name if is_alone and not is_named else file.name
    return replace(file, name=name, kind=kind)


async def furnish(client: Client, bench: Bench, source: Source, *, total: int, advance: Advance) -> Imported:
    """Install what the backtest compares with, and bring the log in.

    Raises:
        ReplayRefused, NothingTaken, ServerUnreachable
    """
    await _register(client, source.cases)
    await setting_up.install(client, bench.setup)
    return await history.bring_in(client, source, total=total, advance=advance)


async def clear(client: Client, backtest: Backtest, log: Log) -> None:
    """Remove what nobody will ask for again. Raises ReplayRefused, ServerUnreachable."""
    await backtests.remove(client, backtest)
    answer = await client.send("DELETE", f"{history.LOGS}/{log.id}", headers={"If-Match": "*"})
    answer.accepted(f"to remove the log {log.name!r}")


async def _register(client: Client, cases: Cases) -> None:
    """Whatever clients and services the log names, by nothing but their names."""
    named: dict[str, dict[str, None]] = {place: {} for place in REGISTERS}
    for steps in cases:
        for place, names in named.items():
            if isinstance(name := steps[0].body.get(place), str):
                names[name] = None
    for place, names in named.items():
        for name in names:
            path = REGISTERS[place]
            answer = await client.post(path, {"name": name}, key=key_of(path, name))
            answer.accepted(f"the {place} {name!r}")


def _body(file: PolicyFile) -> dict[str, object]:
    return {"name": file.name, "kind": _kind(file), "document": file.document}


def _kind(file: PolicyFile) -> str:
    return file.kind or KIND_DEFAULT

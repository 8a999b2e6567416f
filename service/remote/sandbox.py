"""Readies a sandbox tenant of our own for one backtest: calendars, policies to compare with, and a log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from service.remote import files as reading
from service.remote import history
from service.remote.files import KIND_DEFAULT, PolicyFile
from service.remote.history import Imported, Source
from service.replay import setup as setting_up
from service.replay.client import Client, key_of
from service.replay.log import Cases
from service.replay.progress import Advance
from service.replay.setup import Setup

Body = Mapping[str, Any]
"""Of a call of the API."""

ON_DUTY = "on-duty@rooted.example"
"""Whoever has the duty of the rotas that ladders name, of which nothing is known here."""
ROTATION = {"name": "always", "members": [ON_DUTY], "first_handover": "1970-01-01T00:00"}

REGISTERS = {"client": "/v1/clients", "service": "/v1/services"}
"""Where what a log names has to be registered, by its place in a submission."""


class _Made(msgspec.Struct, frozen=True):
    id: str


class _Target(msgspec.Struct, frozen=True):
    """Whom a step tells, as far as a sandbox can have such."""

    group: str | None = None
    reassign: str | None = None
    rota: str | None = None
    member: str | None = None

    @property
    def named(self) -> Iterator[tuple[str, str]]:
        kinds = (
            ("group", self.group),
            ("group", self.reassign),
            ("rota", self.rota),
            ("member", self.member),
        )
        return ((kind, name) for kind, name in kinds if name is not None)


class _Step(msgspec.Struct, frozen=True):
    tell: list[_Target] = []


class _Steps(msgspec.Struct, frozen=True):
    steps: list[_Step] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What is given as files: what stands for what is in effect, and what is tried in its place."""

    policies: Sequence[Path] = ()
    against: Sequence[Path] = ()
    calendars: Sequence[Path] = ()
    tried_calendars: Sequence[Path] = ()
    types: Sequence[Path] = ()
    tried_types: Sequence[Path] = ()
    ladders: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a backtest on a sandbox of our own is made of.

    Attributes:
        setup: calendars, and the policies that stand for those in effect.
        types: of request, that stand for those in effect.
        ladders: that policies of either side name.
        candidates: those that are tried, under the names of those whose place they take.
        tried_calendars: that are tried.
        tried_types: likewise.
    """

    setup: Setup
    types: Sequence[Body]
    ladders: Sequence[Body]
    candidates: Sequence[PolicyFile]
    tried_calendars: Sequence[Body]
    tried_types: Sequence[Body]

    @property
    def members(self) -> set[str]:
        """The addresses of those that ladders name, and of whoever is always on duty."""
        named = _told(self.ladders)
        return {*named["member"], *([ON_DUTY] if named["rota"] else [])}


def prepared(files: Files) -> Bench:
    """Read everything before anything is started. Raises PolicyFileUnusable, SetupUnreadable."""
    candidates = [reading.read(path) for path in files.policies]
    standing = [reading.read(path) for path in files.against]
    return Bench(
        setup=Setup(calendars_in(files.calendars), tuple(map(_body, standing))),
        types=types_in(files.types),
        ladders=[_named(path, "definition") for path in files.ladders],
        candidates=paired(candidates, standing),
        tried_calendars=calendars_in(files.tried_calendars),
        tried_types=types_in(files.tried_types),
    )


def types_in(files: Sequence[Path]) -> list[Body]:
    """The types of request in these files, each with its name. Raises PolicyFileUnusable."""
    return [_named(path, "document") for path in files]


def _named(path: Path, part: str) -> Body:
    """What a file says, under the name that it says or has; `part` is where the rest of it stands."""
    content = reading.read_object(path)
    return {"name": path.stem, **(content if part in content else {part: content})}


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
    await _install_types(client, bench.types)
    await _install_ladders(client, bench.ladders)
    return await history.bring_in(client, source, total=total, advance=advance)


async def _install_types(client: Client, types: Sequence[Body]) -> None:
    """Put these types of request into effect. One that is called as its family need not name that."""
    for each in types:
        path = "/v1/request-types"
        answer = await client.post(
            path, {"family": each["name"], **each}, key=key_of(path, str(each["name"]))
        )
        made = answer.accepted(f"the type {each['name']!r}").read(_Made)
        headers = {"If-Match": "*", "Idempotency-Key": key_of(made.id, "publish")}
        published = await client.send("POST", f"{path}/{made.id}/publish", headers=headers)
        published.accepted(f"to publish the type {each['name']!r}")


async def _install_ladders(client: Client, ladders: Sequence[Body]) -> None:
    """Create these ladders, with the groups and rotas that they name: somebody is always on duty."""
    named = _told(ladders)
    rotas = [{"name": name, "zone": "UTC", "rotations": [ROTATION]} for name in sorted(named["rota"])]
    groups = [{"name": name} for name in sorted(named["group"])]
    for place, bodies in (("group", groups), ("rota", rotas), ("ladder", ladders)):
        path = f"/v1/{place}s"
        for body in bodies:
            answer = await client.post(path, body, key=key_of(path, str(body["name"])))
            answer.accepted(f"the {place} {body['name']!r}")


def _told(ladders: Sequence[Body]) -> dict[str, set[str]]:
    """Whom ladders name, by what they are; what is wrong with a ladder the server says."""
    found: dict[str, set[str]] = {"group": set(), "rota": set(), "member": set()}
    for ladder in ladders:
        try:
            targets = msgspec.convert(ladder["definition"], _Steps).steps
        except msgspec.ValidationError:
            continue
        for target in (target for step in targets for target in step.tell):
            for kind, name in target.named:
                found[kind].add(name)
    return found


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

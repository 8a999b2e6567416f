"""Brings a log of past requests into a tenant, in batches; repeated, it goes on where it stopped."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from service.remote.errors import LogDiffers, NothingTaken
from service.replay.client import Client, new_key
from service.replay.log import BadRows, Cases
from service.replay.progress import Advance
from service.replay.steps import Step

LOGS = "/v1/history-logs"
BATCH_CASES_MAX = 500
BATCH_BYTES_MAX = 200_000
"""Below what a tenant's requests may have when the operator says nothing else."""
REFUSALS_KEPT = 1_000

DIVISIBLE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Answers that one case of a batch may be the reason for: the others are sent without it."""


class Log(msgspec.Struct, frozen=True):
    """A log of past requests, as the API shows it."""

    id: str
    name: str
    state: str
    cases: int
    mapping_sha256: str | None = None
    bad_rows: int = 0


class _Fault(msgspec.Struct, frozen=True):
    pointer: str = ""
    detail: str = ""


class _Taken(msgspec.Struct, frozen=True):
    external_id: str
    fate: str
    errors: list[_Fault] = []


class _TakenAll(msgspec.Struct, frozen=True):
    cases: list[_Taken]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is brought in: a log, read, and what it is to be called."""

    name: str
    source: str
    mapping_sha256: str
    cases: Cases


@dataclass(frozen=True, slots=True)
class Refusal:
    """A case that was not taken; `line` is that of its opening in the file."""

    line: int
    external_id: str
    reason: str


@dataclass(slots=True)
class Imported:
    """What became of a log. `fates` counts cases by what the API says of each."""

    log: Log
    bad_rows: BadRows
    fates: Counter[str] = field(default_factory=Counter[str])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def refuse(self, refusal: Refusal) -> None:
        self.fates["refused"] += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(refusal)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A case as it is sent, and where it stands in the file."""

    external_id: str
    line: int
    body: bytes


def fingerprint(mapping: Path) -> str:
    """Of a mapping, in hexadecimal, so that a log is not read half by one and half by another."""
    return hashlib.sha256(mapping.read_bytes()).hexdigest()


async def find(client: Client, name: str) -> Log | None:
    """The log of this name, if there is one."""
    found = [log async for log in client.items(LOGS, Log, name=name)]
    return found[0] if found else None


async def bring_in(client: Client, source: Source, *, total: int, advance: Advance) -> Imported:
    """Bring a log in, and complete it. What was brought in before is sent again, and not taken twice.

    Args:
        client: of the tenant.
        source: the log.
        total: how many cases it has.
        advance: told how many more are done.

    Raises:
        LogDiffers, NothingTaken, ReplayRefused, ServerUnreachable
    """
    log = await _begun(client, source)
    imported = Imported(log, source.cases.bad_rows)
    if log.state == "complete":
        refused = max(0, log.bad_rows - source.cases.bad_rows.count)
        if log.cases + refused != total:
            raise LogDiffers(log.name, f"complete, of {log.cases:,} cases where the file has {total:,}")
        imported.fates["known"] = log.cases
        return imported
    for batch in batches(map(_encoded, source.cases)):
        await _send(client, log, batch, imported)
        advance(len(batch))
    if imported.fates["refused"] == total:
        raise NothingTaken(total, imported.refusals[0].reason)
    unused = source.cases.bad_rows.count + imported.fates["refused"]
    imported.log = await _complete(client, log, bad_rows=unused)
    return imported


def batches(
    cases: Iterable[Encoded], *, cases_max: int = BATCH_CASES_MAX, bytes_max: int = BATCH_BYTES_MAX
) -> Iterator[list[Encoded]]:
    """The cases in their order, so many at a time; one that is larger than a batch goes alone."""
    batch: list[Encoded] = []
    size = 0
    for case in cases:
        if batch and (len(batch) == cases_max or size + len(case.body) > bytes_max):
            yield batch
            batch, size = [], 0
        batch.append(case)
        size += len(case.body) + 1
    if batch:
        yield batch


async def _begun(client: Client, source: Source) -> Log:
    """The log, as it was begun before or is now."""
    found = await find(client, source.name)
    if found is None:
        body = {"name": source.name, "source": source.source, "mapping_sha256": source.mapping_sha256}
        answer = await client.post(LOGS, body, key=new_key())
        return answer.accepted(f"the log {source.name!r}").read(Log)
    if found.mapping_sha256 != source.mapping_sha256:
        raise LogDiffers(source.name, "which was read by another mapping")
    return found


async def _send(client: Client, log: Log, batch: Sequence[Encoded], imported: Imported) -> None:
    body = {"cases": [msgspec.Raw(case.body) for case in batch]}
    answer = await client.send("POST", f"{LOGS}/{log.id}/cases", body)
    if answer.status in DIVISIBLE and len(batch) > 1:
        half = len(batch) // 2
        await _send(client, log, batch[:half], imported)
        await _send(client, log, batch[half:], imported)
    elif answer.status in DIVISIBLE:
        imported.refuse(Refusal(batch[0].line, batch[0].external_id, str(answer.problem)))
    else:
        taken = answer.accepted(f"cases of the log {log.name!r}").read(_TakenAll).cases
        for case, found in zip(batch, taken, strict=True):
            _count(imported, case, found)


def _count(imported: Imported, case: Encoded, taken: _Taken) -> None:
    if taken.fate == "refused":
        reason = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in taken.errors)
        imported.refuse(Refusal(case.line, case.external_id, reason))
    else:
        imported.fates[taken.fate] += 1


async def _complete(client: Client, log: Log, *, bad_rows: int) -> Log:
    """Complete the log. Cases that were refused count as bad rows, so that a repetition can tell them."""
    answer = await client.send("POST", f"{LOGS}/{log.id}/complete", {"bad_rows": bad_rows})
    return answer.accepted(f"to complete the log {log.name!r}").read(Log)


def _encoded(steps: Sequence[Step]) -> Encoded:
    first, *later = steps
    body: Mapping[str, Any] = {"submission": first.body, "events": [step.body for step in later]}
    return Encoded(first.case, first.line, msgspec.json.encode(body))

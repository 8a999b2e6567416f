"""The policies and calendars a replay begins with: JSON files, and how they reach the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.replay.client import Answer, Client, key_of
from service.replay.errors import SetupUnreadable

FILE_BYTES_MAX = 10_000_000


class _Policy(msgspec.Struct, frozen=True):
    id: str


@dataclass(frozen=True, slots=True)
class Setup:
    """Bodies for `POST /v1/calendars` and `POST /v1/policies`."""

    calendars: tuple[dict[str, object], ...]
    policies: tuple[dict[str, object], ...]


def load(calendars: Sequence[Path], policies: Sequence[Path]) -> Setup:
    """Read the files. A bare definition or document takes its name from its file. Raises SetupUnreadable."""
    return Setup(
        tuple(_calendar(path, _object(path)) for path in calendars),
        tuple(_policy(path, _object(path)) for path in policies),
    )


async def install(client: Client, setup: Setup) -> bool:
    """Create the calendars, then create and publish the policies.

    Returns:
        Whether all of it had been done before, by the same replay.

    Raises:
        ReplayRefused
    """
    answers = [await _create(client, "/v1/calendars", calendar) for calendar in setup.calendars]
    for policy in setup.policies:
        created = await _create(client, "/v1/policies", policy)
        publish = f"/v1/policies/{created.read(_Policy).id}/publish"
        answers += [created, await _create(client, publish, {})]
    return all(answer.replayed for answer in answers)


async def _create(client: Client, path: str, body: dict[str, object]) -> Answer:
    key = key_of(path, msgspec.json.encode(body, order="sorted").decode())
    answer = await client.post(path, body, key=key)
    return answer.accepted(f"{body.get('name', path)!r} (POST {path})")


def _calendar(path: Path, content: dict[str, object]) -> dict[str, object]:
    if "definition" in content:
        return {"name": path.stem, **content}
    return {"name": path.stem, "definition": content}


def _policy(path: Path, content: dict[str, object]) -> dict[str, object]:
    if "document" in content:
        return {"name": path.stem, "kind": "commitment", **content}
    if "rules" not in content and "table" not in content:
        raise SetupUnreadable(path.name, "a policy has `rules` or a `table`, or a `document` that has them.")
    return {"name": path.stem, "kind": "commitment", "document": content}


def _object(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SetupUnreadable(path.name, f"it is larger than {FILE_BYTES_MAX} bytes.")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise SetupUnreadable(path.name, f"{error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise SetupUnreadable(path.name, f"it is not a JSON object: {error}.") from error

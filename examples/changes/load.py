"""Puts all of this folder into a tenant, and asks for the forty changes; prints what was decided on each.

    URL=http://127.0.0.1:8080 TOKEN=… python3 examples/changes/load.py

For a sandbox whose clock stands at 2026-11-23: types and policies are published without anybody's approval.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

FOLDER = Path(__file__).parent
SOURCE = "example-changes"
ANSWER_SECONDS_MAX = 30


def main() -> None:
    for calendar in _read("calendars"):
        _post("/v1/calendars", calendar)
    _post("/v1/questionnaires", _read("change_risk"))
    changes = _read("requests")
    for service in {each["service"]["name"]: each["service"] for each in changes}.values():
        _post("/v1/services", service)
    for each in _read("types"):
        _publish("/v1/request-types", each)
    for name in ("reasonable", "gates"):
        _publish("/v1/policies", _read(name))
    for change in changes:
        decided = _post("/v1/requests", asked(change))
        print(change["external_id"], decided["verdict"]["verdict"], decided["reason"], sep=" | ")  # noqa: T201


def asked(change: dict[str, Any]) -> dict[str, Any]:
    """One of the forty, as `POST /v1/requests` takes it: by the name of its type, if it is of one."""
    return {
        "source": SOURCE,
        "external_id": change["external_id"],
        "type": change.get("type_name", change["type"]),
        "title": change["title"],
        "service": change["service"]["name"],
        "facts": change["facts"],
    }


def _read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def _publish(path: str, body: dict[str, Any]) -> None:
    _post(f"{path}/{_post(path, body)['id']}/publish")


def _post(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API answers. Whatever it refuses ends the program."""
    headers = {
        "Authorization": f"Bearer {os.environ['TOKEN']}",  # noqa: TID251 - a script of its own, without settings
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid4()),
        "If-Match": "*",
    }
    content = None if body is None else json.dumps(body).encode()
    url = os.environ["URL"] + path  # noqa: TID251 - see above
    request = Request(url, data=content, headers=headers, method="POST")  # noqa: S310 - whoever runs it says where
    try:
        with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310 - see above
            return json.load(answer)
    except HTTPError as error:
        sys.exit(f"{path}: {error.read().decode()}")


if __name__ == "__main__":
    main()

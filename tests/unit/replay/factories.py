"""A small log and its mapping, to be changed by each test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.replay import parsing
from service.replay.mapping import LogMapping
from service.replay.steps import Step

MAPPING = """
source: desk
case: id
opened_at: opened
happened_at: updated
order: version
times: {format: "%d/%m/%Y %H:%M", zone: Europe/Berlin}
nulls: ["?"]
state:
  column: state
  values:
    New: open
    Waiting: {pause: waiting_requester}
    With vendor: {pause: waiting_supplier}
    Solved: resolved
    Closed: closed
facts:
  priority: priority
  custom.seats: {column: seats, type: integer}
outcome: {column: in_time, kept: "true", broken: "false", on: closed}
group_by: priority
"""

HEADER = "id,version,state,opened,updated,priority,seats,in_time"
NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


def mapping(*changes: tuple[str, str]) -> LogMapping:
    """The mapping above, with pieces of its text replaced."""
    text = MAPPING
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parsing.parse(text, name="mapping.yaml")


def log_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "log.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def step(case: str, ordinal: int, minutes: int) -> Step:
    """A step that happens so many minutes after NOON."""
    return Step(
        case=case, ordinal=ordinal, post_at=NOON + timedelta(minutes=minutes), line=ordinal + 2, body={}
    )

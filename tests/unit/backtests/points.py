"""Decisions to make, of which nothing is known but the facts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.backtests.tellings import Point
from service.ids import EventId
from service.requests.domain import EventType, RequestEvent
from tests.factories import NOON


def point_of(facts: Mapping[str, Any]) -> Point:
    opened = RequestEvent(
        id=EventId(UUID(int=1)), type=EventType.OPENED, occurred_at=NOON, source_sequence=0, received_at=NOON
    )
    return Point(opened, dict(facts), NOON)

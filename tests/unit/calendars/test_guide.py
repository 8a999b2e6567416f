"""The guide's examples are true."""

import re
from datetime import date
from pathlib import Path

import msgspec

from service.calendars import compute, countries
from service.calendars.domain import DaySpan, parse_definition
from service.calendars.domain.definition import canonical_json

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "calendars.md"
BLOCKS = [
    msgspec.json.decode(block)
    for block in re.findall(r"```json\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
]


def test_the_calendar_of_the_guide_is_read() -> None:
    definition = parse_definition(BLOCKS[0], country_dates=countries.dates)

    assert definition.weekly[4] == (DaySpan(79_200, 108_000),)
    assert definition.is_holiday(date(2026, 1, 6))
    assert canonical_json(definition).keys() == BLOCKS[0].keys()


def test_the_items_of_the_guide_are_answered_as_it_says() -> None:
    assert compute.compute(BLOCKS[1]) == BLOCKS[2]

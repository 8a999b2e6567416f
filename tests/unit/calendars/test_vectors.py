"""The published vectors: what other systems' own tests expect of working time, one by one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.calendars import compute

FILE = Path(__file__).parents[2] / "data" / "sla_vectors.json"
VECTORS: list[dict[str, Any]] = msgspec.json.decode(FILE.read_bytes())["vectors"]


def _items(calendar: dict[str, Any], op: str, **given: object) -> list[object]:
    return [{"calendar": calendar, "op": op, "input": given}]


def _hours(opens: str, closes: str) -> dict[str, Any]:
    return {"tz": "UTC", "weekly": {day: [[opens, closes]] for day in ("mon", "tue", "wed", "thu", "fri")}}


def test_the_file_is_whole() -> None:
    assert len(VECTORS) == 66
    assert {vector["op"] for vector in VECTORS} == {
        "due",
        "before",
        "elapsed",
        "elapsed_paused",
        "biz_days",
        "glpi_days",
        "glpi_days_then_due",
        "local_to_utc",
    }


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_published_vector(vector: dict[str, Any]) -> None:
    assert compute.compute([vector]) == [{"id": vector["id"], "result": vector["expected"]}]


def test_the_file_as_it_is_gives_one_answer_per_vector_in_order() -> None:
    answers = compute.compute_file(FILE.read_bytes())

    assert answers == [{"id": vector["id"], "result": vector["expected"]} for vector in VECTORS]


BERLIN = {"tz": "Europe/Berlin", "weekly": _hours("08:00", "20:00")["weekly"]}


@pytest.mark.parametrize(
    ("items", "exact"),
    [
        pytest.param(
            _items(
                BERLIN,
                "due",
                start="2016-11-07T13:26:36Z",
                seconds=72_000,
                pauses=[["2016-11-07T13:26:36Z", "2016-11-07T13:26:36Z"]],
            ),
            "2016-11-09T09:26:36Z",
            id="q-zam-minutes: seconds are kept",
        ),
        pytest.param(
            _items({"always_open": True}, "due", start="2026-01-05T12:00:00Z", seconds=86_400),
            "2026-01-06T12:00:00Z",
            id="q-zam-2359: no minute is lost at midnight",
        ),
        pytest.param(
            _items(
                _hours("10:00", "18:00"),
                "due",
                start="2020-03-04T04:00:00",
                seconds=21_600,
                pauses=[["2020-03-04T04:15:00", "2020-03-04T05:00:00"]],
            ),
            "2020-03-04T16:00:00",
            id="q-erp-hold: a pause outside hours counts nothing",
        ),
        pytest.param(
            _items(
                _hours("10:00", "18:00"), "elapsed", start="2021-06-28T19:00:00", end="2021-06-28T20:00:00"
            ),
            0,
            id="q-erp-frt: a reply outside hours took no working time",
        ),
        pytest.param(
            _items(_hours("08:00", "18:00"), "before", end="2026-01-13T11:00:00Z", seconds=3_600),
            "2026-01-13T10:00:00Z",
            id="q-glpi-level: an hour before, over the day's boundary",
        ),
        pytest.param(
            _items(
                _hours("09:00", "17:00"),
                "due",
                start="2026-01-09T16:00:00Z",
                seconds=7_200,
                pauses=[["2026-01-09T16:30:00Z", "2026-01-12T09:30:00Z"]],
            ),
            "2026-01-12T11:00:00Z",
            id="q-alga-shift: only the working hour of the pause moves it",
        ),
    ],
)
def test_a_quirk_of_others_is_not_matched(items: list[object], exact: object) -> None:
    assert compute.compute(items) == [{"result": exact}]

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendars.domain import zones
from service.rationalization.wording.domain import spoken
from service.rationalization.wording.domain.spoken import WRITTEN, Manner
from tests import factories

NIGHT = datetime(2026, 11, 24, 22, 13, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("de-AT", "Europe/Vienna", "Dienstag, 24. November 2026, 23:13 MEZ"),
        ("en", "Asia/Tokyo", "Wednesday, November 25, 2026, 7:13\u202fAM GMT+09:00"),
        ("zh-CN", "Asia/Shanghai", "2026年11月25日星期三 06:13 GMT+08:00"),
        ("fr", "UTC", "mardi 24 novembre 2026, 22:13 UTC"),
        (None, None, "Tuesday, 24 November 2026, 22:13 UTC"),
        ("xx-YY", "../../etc/passwd", "Tuesday, 24 November 2026, 22:13 UTC"),
    ],
)
def test_an_instant_is_said_as_somebody_says_it(language: str | None, zone: str | None, said: str) -> None:
    assert spoken.moment(NIGHT, Manner.of(factories.contact(language, zone))) == said


def test_who_is_not_known_is_told_in_english_and_utc() -> None:
    manner = Manner.of(None)

    assert (manner.language, manner.zone_name) == ("en-GB", "UTC")


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30T10:00", "9999-12-31T23:59", "2026-01-05"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert spoken.written(text, Manner.of(None)) is None


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants them so
    zone=st.sampled_from(sorted(zones.names())),
)
def test_what_is_written_in_a_zone_means_that_local_time_there(at: datetime, zone: str) -> None:
    manner = Manner.of(factories.contact("en", zone))

    found = spoken.written(at.strftime(WRITTEN), manner)

    assert found is not None
    told = found.astimezone(manner.zone)
    exists = at.replace(tzinfo=manner.zone).astimezone(UTC).astimezone(manner.zone)
    assert told.replace(tzinfo=None) == exists.replace(tzinfo=None, second=0, microsecond=0)


@given(language=st.text(max_size=40), zone=st.text(max_size=40))
def test_no_language_or_zone_is_too_strange(language: str, zone: str) -> None:
    assert "2026" in spoken.moment(NIGHT, Manner.of(factories.contact(language, zone)))

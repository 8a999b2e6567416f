"""Calendars in PostgreSQL: versions that never change, and that compute by what they kept."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from service import ids
from service.audit.domain import Actor
from service.audit.models import AuditRecordRow
from service.calendars import service, store
from service.calendars.domain import CalendarInvalid, zones
from service.calendars.errors import CalendarNameTaken, CalendarNotFound, CalendarsUnknown
from service.calendars.models import CalendarVersionRow
from service.calendars.service import Calendar
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import CalendarId
from service.recent import Recent
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
OFFICE: dict[str, Any] = {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}}
LATE: dict[str, Any] = {"tz": "Europe/Berlin", "weekly": {"mon": [["12:00", "20:00"]]}}


async def _office(session: TenantSession, *, name: str = "office", raw: dict[str, Any] = OFFICE) -> Calendar:
    return await service.create(session, Actor(), name=name, raw=raw, now=NOON)


async def test_a_calendar_is_found_as_it_was_given(session: TenantSession) -> None:
    created = await _office(session)

    assert await service.get(session, created.id) == created
    assert (created.name, created.current.version, created.current.definition) == ("office", 1, OFFICE)
    assert created.current.tzdata_version == zones.TZDATA_VERSION


async def test_a_version_computes(session: TenantSession) -> None:
    created = await _office(session)

    working_time = await service.working_time(session, created.current.id)

    assert working_time.due(NOON, 8 * HOUR) == datetime(2026, 1, 12, 12, tzinfo=UTC)


async def test_a_revision_leaves_older_versions_as_they_were(session: TenantSession) -> None:
    created = await _office(session)
    revised = await service.revise(session, Actor(), created.id, raw=LATE, now=NOON + HOUR)

    versions = await service.list_versions(session, created.id, after=None, limit=10)
    before = await service.working_time(session, created.current.id)
    after = await service.working_time(session, revised.current.id)

    assert versions == [created.current, revised.current]
    assert [version.definition for version in versions] == [OFFICE, LATE]
    assert before.is_open(NOON - 2 * HOUR)
    assert not after.is_open(NOON - 2 * HOUR)
    assert await service.current_versions(session, ["office"]) == {"office": revised.current.id}


async def test_a_version_keeps_its_own_zone_rules_and_holidays(
    session: TenantSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await _office(session, raw=OFFICE | {"country_holidays": "DE"})
    monkeypatch.setattr(service, "_compiled", Recent[object, object](1))
    monkeypatch.setattr(zones, "zone", _not_asked)
    monkeypatch.setattr(zones, "names", frozenset)
    monkeypatch.setattr(service.countries, "dates", _not_asked)

    working_time = await service.working_time(session, created.current.id)

    assert "2026-04-06" in created.current.country_dates
    assert working_time.next_open(datetime(2026, 4, 6, tzinfo=UTC)) == datetime(2026, 4, 13, 7, tzinfo=UTC)


def _not_asked(name: str) -> None:
    raise AssertionError(f"{name} must not be looked up again")


async def test_a_version_is_compiled_once(session: TenantSession) -> None:
    created = await _office(session)

    first = await service.working_time(session, created.current.id)

    assert await service.working_time(session, created.current.id) is first


async def test_names_stand_for_their_current_versions(session: TenantSession) -> None:
    office, night = await _office(session), await _office(session, name="night")

    assert await service.names(session) == {"office", "night"}
    assert await service.current_versions(session, ["night"]) == {"night": night.current.id}
    assert await service.current_versions(session, []) == {}
    assert [found.id for found in await service.list_calendars(session, after=None, limit=10)] == [
        office.id,
        night.id,
    ]
    assert [found.id for found in await service.list_calendars(session, after=office.id, limit=10)] == [
        night.id
    ]


async def test_a_name_that_is_not_there_is_named(session: TenantSession) -> None:
    await _office(session)

    with pytest.raises(CalendarsUnknown, match=re.escape("no calendar 'day', 'night'")):
        await service.current_versions(session, ["office", "night", "day"])


async def test_a_name_is_taken_once(session: TenantSession) -> None:
    await _office(session)

    with pytest.raises(CalendarNameTaken):
        await _office(session, raw=LATE)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({"tz": "Europe/Berln", "weekly": {"mon": [["09:00", "17:00"]]}}, "/definition/tz"),
        ({"tz": "UTC", "weekly": {"mon": [["17:00", "09:00"]]}}, "/definition/weekly/mon/0/1"),
        ({"tz": "UTC", "weekly": {}}, "/definition"),
        ({"tz": "UTC", "openings": [["2025-01-01T00:00", "2025-01-02T00:00"]]}, "/definition"),
    ],
)
async def test_a_calendar_that_cannot_keep_a_promise_is_refused_with_its_place(
    session: TenantSession, raw: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(CalendarInvalid) as refusal:
        await _office(session, raw=raw)

    assert [fault.pointer for fault in refusal.value.faults] == [pointer]
    assert await service.names(session) == frozenset()


async def test_a_revision_that_is_refused_changes_nothing(session: TenantSession) -> None:
    created = await _office(session)

    with pytest.raises(CalendarInvalid):
        await service.revise(session, Actor(), created.id, raw={"tz": "UTC"}, now=NOON)

    assert await service.get(session, created.id) == created


@pytest.mark.concurrent
async def test_revisions_at_the_same_time_follow_one_another(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        created = await _office(session)

    async def revise(hour: int) -> Calendar:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            raw = OFFICE | {"weekly": {"tue": [[f"{hour:02}:00", "24:00"]]}}
            return await service.revise(session, Actor(), created.id, raw=raw, now=NOON)

    revised = await asyncio.gather(*(revise(hour) for hour in range(8)))

    async with tenant_transaction(own_sessions, tenant.id) as session:
        versions = await service.list_versions(session, created.id, after=None, limit=10)
    assert sorted(calendar.current.version for calendar in revised) == list(range(2, 10))
    assert sorted(version.version for version in versions) == list(range(1, 10))


@pytest.mark.parametrize("name", [" ", "a\nb", "x" * 201])
async def test_a_name_is_printable_and_of_some_length(session: TenantSession, name: str) -> None:
    with pytest.raises(CalendarInvalid, match="/name"):
        await _office(session, name=name)


async def test_another_tenants_calendar_does_not_exist(session: TenantSession, sessions: Sessions) -> None:
    theirs = await _office(session)
    await service.working_time(session, theirs.current.id)
    stranger = await factories.tenant(sessions)

    async with tenant_transaction(sessions, stranger.id) as other:
        with pytest.raises(CalendarNotFound):
            await service.get(other, theirs.id)
        with pytest.raises(CalendarNotFound):
            await service.working_time(other, theirs.current.id)
        with pytest.raises(CalendarNotFound):
            await service.list_versions(other, theirs.id, after=None, limit=10)
        assert await service.names(other) == frozenset()


async def test_an_id_that_never_was_does_not_exist(session: TenantSession) -> None:
    with pytest.raises(CalendarNotFound):
        await service.get(session, CalendarId(ids.new_id()))
    with pytest.raises(CalendarNotFound):
        await service.revise(session, Actor(), CalendarId(ids.new_id()), raw=OFFICE, now=NOON)


@pytest.mark.parametrize(
    "statement", ["update calendar_version set version = 7", "delete from calendar_version"]
)
async def test_the_login_role_cannot_change_a_version(session: TenantSession, statement: str) -> None:
    await _office(session)

    with pytest.raises(DBAPIError, match="permission denied"):
        async with session.db.begin_nested():
            await session.db.execute(text(statement))


async def test_who_made_what_is_recorded(session: TenantSession) -> None:
    created = await _office(session)
    await service.revise(session, Actor(name="application:7"), created.id, raw=LATE, now=NOON)

    records = await session.db.scalars(
        select(AuditRecordRow)
        .where(AuditRecordRow.tenant_id == session.tenant_id, AuditRecordRow.action.like("calendar.%"))
        .order_by(AuditRecordRow.id)
    )

    assert [(record.action, record.actor, record.subject) for record in records] == [
        ("calendar.created", "operator", f"calendar:{created.id}"),
        ("calendar.revised", "application:7", f"calendar:{created.id}"),
    ]


async def test_what_is_stored_needs_no_library_to_be_read(session: TenantSession) -> None:
    created = await _office(session, raw=OFFICE | {"country_holidays": "CN"})

    row: CalendarVersionRow = await store.version(session, created.current.id)

    assert row.definition == OFFICE | {"country_holidays": "CN"}
    assert row.expanded["country_dates"] == list(created.current.country_dates)
    assert row.zone_rules.startswith(b"TZif")

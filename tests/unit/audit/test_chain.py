"""One way to write a record down, and a chain in which whatever is done to it shows."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.audit import chain
from service.audit.chain import GENESIS, Break, Flaw, Linked
from service.audit.domain import Link, Record
from service.ids import ApplicationId, AuditRecordId, TenantId

AT = datetime(2026, 3, 2, 10, 0, 0, 5, tzinfo=UTC)
RECORD = Record(
    tenant_id=TenantId(UUID(int=1)),
    id=AuditRecordId(UUID(int=2)),
    recorded_at=AT,
    actor="member:anna",
    application_id=None,
    client_id=None,
    action="client.created",
    subject="client:port",
    changes='{"name": {"after": "Port"}}',
    address=None,
    http_request_id=None,
)


def as_json(value: Any) -> str:
    """JSON as PostgreSQL would print it: numbers digit by digit, without an exponent."""
    match value:
        case bool() | None | str():
            return json.dumps(value)
        case int() | Decimal():
            return format(Decimal(value), "f")
        case list():
            return f"[{', '.join(as_json(item) for item in cast('list[Any]', value))}]"
        case _:
            return (
                "{" + ", ".join(f"{json.dumps(name)}: {as_json(item)}" for name, item in value.items()) + "}"
            )


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
"""What PostgreSQL can keep: no NUL, no half of a surrogate pair."""

NUMBERS = st.integers() | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.builds(
    replace,
    st.just(RECORD),
    id=st.uuids(),
    recorded_at=st.datetimes(timezones=st.just(UTC)),
    actor=TEXT,
    application_id=st.none() | st.uuids(),
    action=TEXT,
    subject=TEXT,
    changes=st.dictionaries(TEXT, VALUES, max_size=3).map(as_json),
    address=st.none() | TEXT,
    http_request_id=st.none() | TEXT,
)


def read(changes: str) -> Any:
    return json.loads(changes, parse_float=Decimal, parse_int=Decimal)


def meaning(record: Record) -> tuple[Any, ...]:
    """What a record says, in which 1.0 is 1, and true is not."""
    return (replace(record, changes=""), _tagged(read(record.changes)))


def _tagged(value: Any) -> Any:
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return frozenset((name, _tagged(item)) for name, item in members.items())
        case list():
            return tuple(_tagged(item) for item in cast("list[Any]", value))
        case _:
            return (type(value).__name__, value)


def linked(records: list[Record]) -> list[Linked]:
    return [
        Linked(link, record.id, record)
        for link, record in zip(chain.links(GENESIS, records), records, strict=True)
    ]


def followed(found: list[Linked]) -> Link | Break:
    head: Link | Break = GENESIS
    for each in found:
        head = chain.follow(head, each)
        if isinstance(head, Break):
            break
    return head


def records(count: int) -> list[Record]:
    return [
        replace(RECORD, id=AuditRecordId(UUID(int=number)), subject=f"client:{number}")
        for number in range(count)
    ]


def test_a_record_has_this_form_and_this_digest() -> None:
    record = replace(
        RECORD,
        application_id=ApplicationId(UUID(int=3)),
        changes=(
            '{"b": {"after": 1.50}, "a": {"before": null, "after": "\\u00e9\\n"},'
            ' "ä": 10000000000000000000001}'
        ),
    )

    written = chain.canonical(record)

    assert written.decode() == (
        '{"action":"client.created","actor":"member:anna",'
        '"application_id":"00000000-0000-0000-0000-000000000003",'
        '"changes":{"a":{"after":"é\\n","before":null},"b":{"after":1.5},"ä":10000000000000000000001},'
        '"id":"00000000-0000-0000-0000-000000000002","recorded_at":"2026-03-02T10:00:00.000005Z",'
        '"subject":"client:port","tenant_id":"00000000-0000-0000-0000-000000000001"}'
    )
    assert chain.digest(GENESIS.digest, record) == hashlib.sha256(bytes(32) + written).digest()


def test_members_are_in_the_order_of_utf_16_as_rfc_8785_has_it() -> None:
    changes = '{"\\ufb33": 1, "\\ud83d\\ude00": 2, "\\u20ac": 3, "1": 4}'

    written = chain.canonical(replace(RECORD, changes=changes)).decode()

    assert '"changes":{"1":4,"\u20ac":3,"\U0001f600":2,"\ufb33":1}' in written


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1.50", "1.5"),
        ("100", "100.000"),
    ],
)
def test_equal_numbers_are_written_alike(one: str, other: str) -> None:
    first, second = (replace(RECORD, changes=f'{{"n": {each}}}') for each in (one, other))
    assert chain.canonical(first) == chain.canonical(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", '"1"'),
        ("true", '"true"'),
        ("null", '"null"'),
        ("9007199254740993", "9007199254740992"),
        ("0.10000000000000000001", "0.1"),
        ("[]", "{}"),
        ("[[1], 2]", "[1, [2]]"),
        ('["a", "b"]', '["a\\",\\"b"]'),
        ("100", "1"),
        ("0.5", "-0.5"),
    ],
)
def test_different_values_are_written_differently(one: str, other: str) -> None:
    first, second = (replace(RECORD, changes=f'{{"n": {each}}}') for each in (one, other))
    assert chain.canonical(first) != chain.canonical(second)


def test_the_same_instant_is_written_alike_in_every_zone() -> None:
    eastern = replace(RECORD, recorded_at=AT.astimezone(timezone(timedelta(hours=8))))
    assert chain.canonical(eastern) == chain.canonical(RECORD)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        chain.canonical(replace(RECORD, changes='{"n": NaN}'))


@given(one=RECORDS, other=RECORDS)
def test_two_records_are_written_alike_if_and_only_if_they_say_the_same(one: Record, other: Record) -> None:
    assert (chain.canonical(one) == chain.canonical(other)) == (meaning(one) == meaning(other))


@given(record=RECORDS)
def test_what_is_written_is_json_that_says_what_the_record_says(record: Record) -> None:
    written = json.loads(chain.canonical(record), parse_float=Decimal, parse_int=Decimal)

    assert _tagged(written.pop("changes")) == _tagged(read(record.changes))
    assert datetime.fromisoformat(written.pop("recorded_at")) == record.recorded_at
    assert written == {
        name: str(value)
        for name in chain.MEMBERS
        if name not in {"changes", "recorded_at"} and (value := getattr(record, name)) is not None
    }


@given(record=RECORDS)
def test_how_the_database_orders_or_spaces_json_does_not_matter(record: Record) -> None:
    value = read(record.changes)
    turned = replace(record, changes=as_json(dict(reversed(value.items()))).replace(": ", ":"))
    assume(read(turned.changes) == value)  # a text may hold ": " itself

    assert chain.canonical(turned) == chain.canonical(record)


def test_an_untouched_chain_holds() -> None:
    found = linked(records(5))
    assert followed(found) == found[-1].link
    assert [each.link.sequence for each in found] == [1, 2, 3, 4, 5]


def test_a_chain_may_be_made_in_parts() -> None:
    whole = chain.links(GENESIS, records(5))
    first = chain.links(GENESIS, records(5)[:2])
    assert first + chain.links(first[-1], records(5)[2:]) == whole


@given(place=st.integers(0, 4), subject=TEXT)
def test_a_changed_record_breaks_the_chain_at_its_place(place: int, subject: str) -> None:
    found = linked(records(5))
    assume(subject != f"client:{place}")
    found[place] = replace(found[place], record=replace(records(5)[place], subject=subject))

    assert followed(found) == Break(Flaw.DIGEST_DIFFERS, place + 1, found[place].record_id)


@given(place=st.integers(0, 4))
def test_a_removed_record_breaks_the_chain_at_its_place(place: int) -> None:
    found = linked(records(5))
    found[place] = replace(found[place], record=None)

    assert followed(found) == Break(Flaw.RECORD_MISSING, place + 1, found[place].record_id)


@given(place=st.integers(0, 3))
def test_a_removed_link_breaks_the_chain_at_its_place(place: int) -> None:
    found = linked(records(5))
    del found[place]

    assert followed(found) == Break(Flaw.LINK_MISSING, place + 1, found[place].record_id)


@given(one=st.integers(0, 4), other=st.integers(0, 4))
def test_exchanged_records_break_the_chain_at_the_first_of_them(one: int, other: int) -> None:
    assume(one != other)
    untouched = linked(records(5))
    found = list(untouched)
    for place, by in ((one, other), (other, one)):
        found[place] = Linked(untouched[place].link, untouched[by].record_id, untouched[by].record)

    broken = followed(found)

    assert isinstance(broken, Break)
    assert (broken.flaw, broken.sequence) == (Flaw.DIGEST_DIFFERS, min(one, other) + 1)


@given(place=st.integers(0, 4))
def test_a_link_that_was_put_between_breaks_the_chain_there(place: int) -> None:
    found = linked(records(5))
    forged = replace(RECORD, id=AuditRecordId(UUID(int=99)))
    between = Linked(Link(place + 1, bytes(32)), forged.id, forged)
    moved = [
        replace(each, link=replace(each.link, sequence=each.link.sequence + 1)) for each in found[place:]
    ]

    assert followed([*found[:place], between, *moved]) == Break(Flaw.DIGEST_DIFFERS, place + 1, forged.id)

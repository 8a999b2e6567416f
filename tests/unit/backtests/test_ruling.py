"""What is remembered of a decision is what it would be again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.backtests import setup
from service.backtests.ruling import VALUES_MAX, Ruling, Side
from service.rules.language.bind import FACTS_VALUES_MAX
from tests import past
from tests.unit.backtests.points import point_of

ELAPSED = {"unit": "elapsed_time", "seconds": 3_600}


def rule(rule_id: str, when: str, metric: str) -> dict[str, Any]:
    then = {"promises": [{"metric": metric, "target": ELAPSED}]}
    return {"id": rule_id, "when": when, "because": "It is so.", "then": then}


DOCUMENT: dict[str, Any] = {
    "facts": {
        "request.custom.vip": "bool",
        "request.custom.seats": "int",
        "request.custom.site": "string",
        "request.custom.since": "timestamp",
    },
    "applies_to": {"request_types": ["incident", "change"]},
    "rules": [
        rule("vip", "request.custom.vip && request.custom.seats > 3", "vip"),
        rule("p1", "request.priority == 'P1'", "first"),
        rule("titled", "has(request.title) && request.title.startsWith('A')", "titled"),
        rule("gold", "client.tier == 'gold' || service.name == 'mail'", "gold"),
    ],
}

TEXTS = st.sampled_from(["P1", "P2", "A", "gold", "mail", "1", "true", ""])
ODD = st.one_of(
    TEXTS,
    st.booleans(),
    st.sampled_from([0, 1, 4, 2**70, 1.0, 4.5]),
    st.lists(st.integers(0, 1), max_size=2),
    st.dictionaries(TEXTS, st.integers(0, 1), max_size=1),
)
"""Values of every type, most of which are none that a fact was declared with."""
OWN = st.dictionaries(
    st.sampled_from(["priority", "category", "requester", "type", "title", "custom"]), TEXTS, max_size=4
)
CUSTOM = st.dictionaries(st.sampled_from(["vip", "seats", "site", "since", "other"]), ODD, max_size=4)
NAMED = st.fixed_dictionaries({}, optional={"name": TEXTS, "tier": TEXTS, "calendar": st.just("weekdays")})


def snapshot(own: Mapping[str, Any], custom: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    request = {"type": "incident", "opened_at": "2026-01-05T12:00:00Z", **own, "custom": dict(custom)}
    return {"request": request, "client": dict(named), "service": dict(named)}


def side(*, rulings_kept: int = 1_000) -> Side:
    return setup.comparison(past.setup(DOCUMENT, DOCUMENT, rulings_kept=rulings_kept)).before


async def ruled(side: Side, facts: Mapping[str, Any]) -> Ruling:
    return replace(await side.ruling(point_of(facts), None))


@given(
    first=st.builds(snapshot, OWN, CUSTOM, NAMED),
    second=st.builds(snapshot, OWN, CUSTOM, NAMED),
    mixed=st.booleans(),
)
async def test_a_ruling_is_remembered_only_where_it_would_be_the_same(
    *, first: dict[str, Any], second: dict[str, Any], mixed: bool
) -> None:
    """The second snapshot often differs from the first in one group only."""
    second = (
        {**first, "request": {**first["request"], "custom": second["request"]["custom"]}} if mixed else second
    )
    remembering, forgetting = side(), side(rulings_kept=0)

    for facts in (first, second, first):
        assert await ruled(remembering, facts) == await ruled(forgetting, facts)


async def test_what_no_rule_reads_makes_no_difference_and_what_is_doubtful_does() -> None:
    remembering = side()
    plain = snapshot({"priority": "P1", "category": "mail"}, {"other": "here"}, {})

    known = await remembering.ruling(point_of(plain), None)

    for changed in (
        snapshot({"priority": "P1", "category": "disk"}, {"other": "there"}, {}),
        snapshot({"priority": "P1", "channel": "mail"}, {"site": "harbour"}, {}),
    ):
        assert await remembering.ruling(point_of(changed), None) is known
    for doubtful in (
        snapshot({"priority": "P1"}, {"since": "yesterday"}, {}),
        snapshot({"priority": "P1"}, {"site": 7}, {}),
    ):
        assert (await remembering.ruling(point_of(doubtful), None)).degraded


async def test_too_many_facts_are_not_taken_for_a_few() -> None:
    """Beyond the bound on facts nothing more is read: the order of many decides what is seen."""
    remembering, forgetting = side(), side(rulings_kept=0)
    many = {f"n{number}": "x" for number in range(FACTS_VALUES_MAX)}

    for facts in (snapshot({}, {}, {}), snapshot({}, many, {}), snapshot({}, {**many, "vip": True}, {})):
        assert await ruled(remembering, facts) == await ruled(forgetting, facts)
    assert FACTS_VALUES_MAX > VALUES_MAX

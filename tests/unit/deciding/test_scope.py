"""Which requests a policy is for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.domain import EVERYTHING, Scope

CHANGE = Scope(request_types=frozenset({"change", "plan_change"}))
MAIL = Scope(services=frozenset({"mail"}))
HARBOUR = Scope(clients=frozenset({"Harbour"}))
ALL_THREE = Scope(
    request_types=frozenset({"change"}), services=frozenset({"mail"}), clients=frozenset({"Harbour"})
)
FACTS: dict[str, Any] = {
    "request": {"type": "change"},
    "service": {"name": "mail"},
    "client": {"name": "Harbour"},
}


@pytest.mark.parametrize(
    ("scope", "facts", "covered"),
    [
        (EVERYTHING, {}, True),
        (EVERYTHING, FACTS, True),
        (CHANGE, FACTS, True),
        (CHANGE, {"request": {"type": "incident"}}, False),
        (CHANGE, {}, False),
        (MAIL, FACTS, True),
        (MAIL, {"request": {"type": "change"}}, False),
        (MAIL, {"service": {"criticality": "high"}}, False),
        (MAIL, {"service": "mail"}, False),
        (HARBOUR, FACTS, True),
        (HARBOUR, FACTS | {"client": {"name": "harbour"}}, False),
        (HARBOUR, FACTS | {"client": {"name": ["Harbour"]}}, False),
        (CHANGE, {"request": {"type": {"name": "change"}}}, False),
        (ALL_THREE, FACTS, True),
        (ALL_THREE, FACTS | {"service": {"name": "web"}}, False),
    ],
)
def test_a_policy_is_for_the_requests_that_it_names(
    scope: Scope, facts: dict[str, Any], *, covered: bool
) -> None:
    assert scope.covers(facts) is covered


NAMES = st.frozensets(st.sampled_from(["a", "b", "c"]))
NAME = st.none() | st.sampled_from(["a", "b", "c"])


@given(types=NAMES, services=NAMES, clients=NAMES, kind=NAME, service=NAME, client=NAME)
def test_each_thing_that_is_named_narrows(
    types: frozenset[str],
    services: frozenset[str],
    clients: frozenset[str],
    kind: str | None,
    service: str | None,
    client: str | None,
) -> None:
    facts = {"request": {"type": kind}, "service": {"name": service}, "client": {"name": client}}

    covered = Scope(request_types=types, services=services, clients=clients).covers(facts)

    alone = [
        Scope(request_types=types).covers(facts),
        Scope(services=services).covers(facts),
        Scope(clients=clients).covers(facts),
    ]
    assert covered is all(alone)
    assert alone == [
        not named or given in named
        for named, given in ((types, kind), (services, service), (clients, client))
    ]

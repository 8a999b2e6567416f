"""OLAs and UCs on the way of an SLA have no more time together than it has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.findings import Finding
from tests.unit.lint.policies import of_written

CODES = {"parts-exceed", "parts-incomparable", "part-of-nothing"}
HOUR = 3_600


def promise(metric: str, hours: float, *, of: str | None = None, **more: Any) -> dict[str, Any]:
    target = {"unit": "working_time", "seconds": int(hours * HOUR)}
    part = {} if of is None else {"level": "ola", "part_of": of}
    return {"metric": metric, "target": target, "calendar": "office", **part, **more}


def rule(name: str, when: str, *promises: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "when": when, "because": "It is so.", "then": {"promises": list(promises)}}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rules": list(rules), **more}


def found(written: dict[str, Any]) -> list[Finding]:
    return [each for each in of_written(written) if each.code in CODES]


def test_parts_that_fill_their_sla_exactly_fit() -> None:
    parts = promise("network_ola", 1.5, of="resolve"), promise("vendor_uc", 2.5, of="resolve", level="uc")

    assert found(policy(rule("all", "true", promise("resolve", 4), *parts))) == []


def test_parts_that_have_more_time_than_their_sla_are_told_with_the_arithmetic() -> None:
    parts = promise("network_ola", 1.5, of="resolve"), promise("vendor_uc", 3, of="resolve", level="uc")

    told = found(policy(rule("all", "true", promise("resolve", 4), *parts)))

    assert [(each.code, each.pointer) for each in told] == [
        ("parts-exceed", "/rules/0/then/promises/0/target")
    ]
    assert told[0].reason == (
        "On the way of `resolve` lie 1 h 30 min (`network_ola`) + 3 h (`vendor_uc`) = 4 h 30 min by 'office',"
        " and `resolve` has 4 h."
    )


def test_a_level_alone_is_on_nobodys_way() -> None:
    assert found(policy(rule("all", "true", promise("resolve", 1), promise("aside", 9, level="ola")))) == []


INCOMPARABLE: list[tuple[dict[str, Any], str]] = [
    (
        {"target": {"unit": "elapsed_time", "seconds": 2 * 86_400}, "calendar": None},
        "`part` has 2 d of wall time, and `resolve`, on whose way it lies, 4 h by 'office'",
    ),
    ({"calendar": "night"}, "`part` has 1 h by 'night'"),
    ({"calendar_of": "client"}, "`part` has 1 h by the client's calendar, else 'office'"),
    ({"target": {"unit": "business_days", "days": 1}}, "`part` has 1 business day by 'office'"),
]


@pytest.mark.parametrize(("changed", "reason"), INCOMPARABLE, ids=range(len(INCOMPARABLE)))
def test_what_counts_otherwise_cannot_be_compared_and_that_is_said(
    changed: dict[str, Any], reason: str
) -> None:
    part = promise("part", 1, of="resolve") | changed

    told = found(policy(rule("all", "true", promise("resolve", 4), part)))

    assert [(each.code, each.pointer) for each in told] == [
        ("parts-incomparable", "/rules/0/then/promises/1/target")
    ]
    assert reason in told[0].reason


def test_a_part_of_what_no_rule_promises_is_told() -> None:
    told = found(policy(rule("all", "true", promise("part", 1, of="resolve"))))

    assert [(each.code, each.pointer) for each in told] == [
        ("part-of-nothing", "/rules/0/then/promises/0/target")
    ]


P1, P2 = "request.priority == 'P1'", "request.priority == 'P2'"
VIP = "request.type == 'incident'"


@pytest.mark.parametrize(
    ("conditions", "hit_policy", "codes"),
    [
        ((P1, VIP, VIP), "COLLECT", ["parts-exceed"]),
        ((P1, P1, P2), "COLLECT", []),
        ((P1, P2, P2), "COLLECT", []),
        ((P1, VIP, VIP), "FIRST", []),
    ],
)
def test_parts_of_several_rules_are_added_up_where_facts_show_that_they_hold_together(
    conditions: tuple[str, str, str], hit_policy: str, codes: list[str]
) -> None:
    rules = [
        rule("whole", conditions[0], promise("resolve", 4)),
        rule("first", conditions[1], promise("network_ola", 2, of="resolve")),
        rule("second", conditions[2], promise("vendor_uc", 3, of="resolve", level="uc")),
    ]

    told = found(policy(*rules, hit_policy=hit_policy))

    assert [each.code for each in told] == codes
    assert all(
        "2 h (`network_ola` of 'first') + 3 h (`vendor_uc` of 'second')" in each.reason for each in told
    )


def test_of_one_metric_that_several_rules_promise_the_first_counts() -> None:
    rules = [
        rule("whole", "true", promise("resolve", 4)),
        rule("first", P1, promise("network_ola", 3, of="resolve")),
        rule("second", VIP, promise("network_ola", 3, of="resolve")),
    ]

    assert found(policy(*rules, hit_policy="COLLECT")) == []


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 60))
def test_a_warning_comes_if_and_only_if_the_parts_add_up_to_more(parts: list[int], whole: int) -> None:
    promises = [promise(f"part{index}", hours, of="resolve") for index, hours in enumerate(parts)]

    told = found(policy(rule("all", "true", promise("resolve", whole), *promises)))

    assert bool(told) is (sum(parts) > whole)

import itertools
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.rules import lint
from service.rules.domain import HitPolicy, Scope
from service.rules.findings import Finding, Severity
from service.rules.language.bind import bind
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.syntax import Expression
from service.rules.language.types import BOOL, DOUBLE, INT, STRING, FactType
from tests.unit.language.generators import DECLARATIONS, random_condition, random_facts, seeded
from tests.unit.lint.policies import document, findings, of_written, rule

DECLARED = {
    "request.priority": FactType(STRING, ("P1", "P2", "P3")),
    "request.impact": FactType(INT),
    "request.budget": FactType(DOUBLE),
    "request.title": FactType(STRING),
    "client.vip": FactType(BOOL),
    "request.type": FactType(STRING, ("incident", "change")),
}
SEEDS = st.integers(0, 2**32 - 1)


def found(*conditions: str, **more: Any) -> list[Finding]:
    return findings(document(conditions, DECLARED, **more))


def told(several: Sequence[Finding]) -> list[tuple[str, str]]:
    """In the order of their places, where those of a condition stand with its rule."""
    return sorted((finding.code, finding.pointer.removesuffix("/when")) for finding in several)


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [
        (["request.priority == 'P1'", "true"], []),
        (["request.priority == 'P1' && request.priority == 'P2'", "true"], [("never-matches", 0)]),
        (["request.impact > 3 && request.impact < 3", "true"], [("never-matches", 0)]),
        (["request.impact > 3 && request.impact < 4", "true"], [("never-matches", 0)]),
        (["request.impact > 3 && request.impact < 5", "true"], []),
        (["request.budget > 3.0 && request.budget < 4.0", "true"], []),
        (["request.title > 'a' && request.title < 'a\\x00'", "true"], [("never-matches", 0)]),
        (["request.title > 'a' && request.title < 'b'", "true"], []),
        (["has(request.title) && !has(request.title)", "true"], [("never-matches", 0)]),
        (["false", "true"], [("never-matches", 0)]),
        (["1 > 2 || 'a' == 'b'", "true"], [("never-matches", 0)]),
        (["1 < 2", "request.priority == 'P1'"], [("always-matches", 0), ("shadowed", 1)]),
        (["true", "request.priority == 'P1'"], [("always-matches", 0), ("shadowed", 1)]),
        (["request.priority in ['P1', 'P2']", "request.priority == 'P2'", "true"], [("shadowed", 1)]),
        (["request.impact >= 3", "request.impact < 3", "has(request.impact)", "true"], [("shadowed", 2)]),
        (["request.impact <= 3", "request.impact >= 4", "has(request.impact)", "true"], [("shadowed", 2)]),
        (
            ["client.vip", "!client.vip", "client.vip == true || client.vip == false", "true"],
            [("shadowed", 2)],
        ),
        (["client.vip", "request.impact > 1", "true"], []),
        (["request.impact > 1", "request.impact > 1.5", "true"], [("shadowed", 1)]),
        (["request.title == 'a'", 'request.title  ==  "a"', "true"], [("same-condition", 1)]),
        (
            ["request.title.contains('a')", "request.title.contains('a') && client.vip", "true"],
            [("shadowed", 1)],
        ),
        (["request.priority == 'P1'", "request.priority == 'P2'"], [("unmatched", None)]),
        (["request.priority in ['P1', 'P2', 'P3']"], []),
        (["client.vip", "!client.vip"], []),
        (["request.impact < 3", "request.impact > 3"], [("unmatched", None)]),
        (["request.impact <= 3", "request.impact > 3"], []),
        (["request.priority in ['P1', 'P2'] && request.priority != 'P2'", "true"], [("dead-value", 0)]),
        (["request.priority in ['P1', 'P1']", "true"], [("dead-value", 0)]),
        (["!(request.priority in ['P1', 'P2']) && request.priority != 'P1'", "true"], []),
        (
            ["request.priority == 'P1' && (request.priority == 'P2' || client.vip)", "true"],
            [("dead-value", 0)],
        ),
        (["client.vip || request.impact > 3 && request.impact < 2", "true"], [("dead-branch", 0)]),
        (["!(client.vip && (request.impact > 3 || request.impact <= 3))", "true"], [("dead-branch", 0)]),
        (["has(client.vip) ? client.vip : true", "true"], []),
        (["2 > 1 ? client.vip : has(client.vip)", "true"], [("dead-branch", 0)]),
        (["(request.impact > 1 && request.impact < 1 ? 1 : 2) == 2", "true"], [("dead-branch", 0)]),
    ],
)
def test_what_is_found(conditions: list[str], codes: list[tuple[str, int | None]]) -> None:
    wanted = [(code, "/rules" if index is None else f"/rules/{index}") for code, index in codes]

    assert told(found(*conditions)) == sorted(wanted)


@pytest.mark.parametrize(
    ("conditions", "ranks", "codes"),
    [
        (["client.vip", "!client.vip"], [], []),
        (["client.vip", "request.impact > 1"], [], [("overlap", 1), ("unmatched", None)]),
        (["client.vip", "request.impact > 1"], [1, 1], [("overlap", 1), ("unmatched", None)]),
        (["client.vip", "request.impact > 1"], [1, 2], [("unmatched", None)]),
        (["client.vip", "true"], [1, None], []),
        (["client.vip", "true"], [2, 1], [("shadowed", 0)]),
        (["request.impact > 3", "request.impact < 4"], [], []),
        (
            ["request.title.startsWith('ab')", "request.title.contains('bc')"],
            [],
            [("overlap", 1), ("unmatched", None)],
        ),
        (
            ["request.title.startsWith('a')", "request.title.startsWith('b')"],
            [],
            [("may-overlap", 1), ("unmatched", None)],
        ),
        (["request.priority == 'P9'", "request.priority == 'P9' && client.vip"], [], [("unmatched", None)]),
    ],
)
def test_what_is_found_under_unique(
    conditions: list[str], ranks: list[int | None], codes: list[tuple[str, int | None]]
) -> None:
    wanted = [(code, "/rules" if index is None else f"/rules/{index}") for code, index in codes]

    assert told(found(*conditions, hit_policy=HitPolicy.UNIQUE, ranks=ranks)) == sorted(wanted)


def test_two_rules_that_promise_the_same_are_told_of_under_collect() -> None:
    several = found("client.vip", "request.impact > 1", "true", hit_policy=HitPolicy.COLLECT)

    assert told(several) == [("same-metric", "/rules/1"), ("same-metric", "/rules/2")]
    assert "as when client.vip is true and request.impact is " in several[0].reason


def test_facts_are_as_the_scope_asks() -> None:
    changes = Scope(request_types=frozenset({"change"}))

    assert told(found("request.type == 'incident'", "true", scope=changes)) == [("never-matches", "/rules/0")]
    assert told(found("request.type == 'change'", "client.vip", scope=changes)) == [
        ("always-matches", "/rules/0"),
        ("shadowed", "/rules/1"),
    ]


def test_a_rule_that_several_shadow_names_them() -> None:
    (finding,) = found(
        "request.impact >= 3",
        "client.vip",
        "request.impact < 3",
        "request.impact == 7 || request.impact == 1",
        "true",
    )

    assert "one of 'r0', 'r2'" in finding.reason


def test_a_gap_is_told_with_an_example() -> None:
    (finding,) = found("request.priority == 'P1'", "request.priority == 'P2' && request.impact == 3")

    assert finding.reason.startswith("Some requests match no rule, as when request.priority is ")


def test_what_is_found_in_a_row_points_at_its_cell() -> None:
    table = {
        "inputs": [{"fact": "client.tier"}, {"fact": "request.priority"}],
        "then": rule("x", "true")["then"],
        "rows": [
            {"when": ["gold", "P1, P2, P1"], "because": "x"},
            {"when": ["*", "= request.priority == 'P1' && request.priority == 'P2'"], "because": "x"},
            {"when": ["*", "*"], "because": "x"},
        ],
    }

    assert told(of_written({"table": table})) == [
        ("dead-value", "/table/rows/0/when/1"),
        ("never-matches", "/table/rows/1"),
    ]


def test_a_rank_without_unique_and_a_fact_that_nothing_reads_are_told_of() -> None:
    written = {"facts": {"request.custom.seats": "int"}, "rules": [rule("a", "true", rank=3)]}

    assert [(one.code, one.pointer) for one in of_written(written)] == [
        ("rank-unused", "/rules/0/rank"),
        ("unread-fact", "/facts/request.custom.seats"),
    ]


def test_the_gravest_come_first_and_of_many_not_all() -> None:
    several = found(*["request.priority == 'P1'"] * 600, "client.vip", hit_policy=HitPolicy.UNIQUE)

    assert [one.code for one in several[:500]] == ["overlap"] * 500
    assert several[-1].code == "more"


@settings(max_examples=150)
@given(seed=SEEDS)
def test_nothing_is_claimed_that_facts_refute(seed: int) -> None:
    rng = seeded(seed)
    conditions = [random_condition(rng, ordinary=bool(rng.randrange(4))) for _ in range(rng.randrange(1, 6))]
    several = findings(document(conditions, DECLARATIONS))
    silent = {_index(one) for one in several if one.code in {"never-matches", "shadowed", "same-condition"}}
    always = {_index(one) for one in several if one.code == "always-matches"}

    for _ in range(30):
        true = _true(conditions, bind(random_facts(rng), DECLARATIONS).facts)
        assert not silent & set(true[:1])
        assert always <= set(true)


@settings(max_examples=150)
@given(seed=SEEDS)
def test_an_overlap_is_told_with_facts_that_show_it(seed: int) -> None:
    rng = seeded(seed)
    conditions = [random_condition(rng, ordinary=bool(rng.randrange(4))) for _ in range(rng.randrange(2, 6))]
    several = findings(document(conditions, DECLARATIONS, hit_policy=HitPolicy.UNIQUE))
    told_of = {_index(one) for one in several if one.code in {"overlap", "may-overlap"}}
    assume(not any(one.code == "undecided" for one in several))

    for _ in range(30):
        facts = bind(random_facts(rng), DECLARATIONS).facts
        assert not _is_declared(facts) or set(_true(conditions, facts)[1:]) <= told_of


def _is_declared(facts: Any) -> bool:
    """Whether every fact has one of the values that are declared for it, if there are any."""
    for name, declared in DECLARATIONS.items():
        group, _, last = name.partition(".")
        value = facts.get(group, {}).get(last)
        if declared.values is not None and value is not None and value not in declared.values:
            return False
    return True


def _index(finding: Finding) -> int:
    return int(finding.pointer.split("/")[2])


def _true(conditions: Sequence[Expression], facts: Any) -> list[int]:
    return [index for index, one in enumerate(conditions) if evaluate(one, facts) is True]


PRIORITIES, IMPACTS = ("P1", "P2", "P3"), range(-3, 8)


def _small_conditions(rng: Random) -> list[str]:
    """Conditions of a world that is small enough to be gone through."""
    atoms = [
        lambda: f"request.priority == '{rng.choice(PRIORITIES)}'",
        lambda: f"request.priority in ['{rng.choice(PRIORITIES)}', '{rng.choice(PRIORITIES)}']",
        lambda: f"request.impact {rng.choice(('<', '>=', '==', '!='))} {rng.randrange(-1, 5)}",
        lambda: "client.vip",
        lambda: "has(request.impact)",
    ]

    def drawn(depth: int) -> str:
        if depth == 0 or rng.randrange(3) == 0:
            return rng.choice(atoms)()
        if rng.randrange(4) == 0:
            return f"!({drawn(depth - 1)})"
        return f"({drawn(depth - 1)} {rng.choice(('&&', '||'))} {drawn(depth - 1)})"

    return [drawn(rng.randrange(3)) for _ in range(rng.randrange(1, 6))]


def _small_world(*, absent: bool) -> list[dict[str, Any]]:
    """With `absent` all that there can be, undeclared values too; else what is ordinary."""
    none = (None,) if absent else ()
    other = ("P9",) if absent else ()
    combined = itertools.product((*PRIORITIES, *other, *none), (*IMPACTS, *none), (True, False, *none))
    return [
        {
            "request": {
                **({} if priority is None else {"priority": priority}),
                **({} if impact is None else {"impact": impact}),
            },
            "client": {} if vip is None else {"vip": vip},
        }
        for priority, impact, vip in combined
    ]


ANY, ORDINARY = _small_world(absent=True), _small_world(absent=False)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_in_a_small_world_all_is_found_that_there_is(seed: int) -> None:
    conditions = _small_conditions(seeded(seed))
    parsed = [parse(one) for one in conditions]
    matched = [_true(parsed, facts) for facts in ANY]
    winners = {true[0] for true in matched if true}
    several = found(*conditions)

    told_of = {_index(one) for one in several if one.code in {"never-matches", "shadowed", "same-condition"}}
    assert told_of == set(range(len(conditions))) - winners
    has_gap = any(not _true(parsed, facts) for facts in ORDINARY)
    assert has_gap == any(one.code == "unmatched" for one in several)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_in_a_small_world_all_overlaps_are_found(seed: int) -> None:
    rng = seeded(seed)
    conditions = _small_conditions(rng)
    ranks = [rng.choice((None, 1, 2)) for _ in conditions]
    parsed = [parse(one) for one in conditions]
    doubtful = {
        later
        for facts in ANY
        if facts["request"].get("priority") != "P9"
        for earlier, later in itertools.combinations(_true(parsed, facts), 2)
        if ranks[earlier] == ranks[later]
    }
    several = found(*conditions, hit_policy=HitPolicy.UNIQUE, ranks=ranks)

    assert {_index(one) for one in several if one.code == "overlap"} == doubtful
    assert not any(one.code == "may-overlap" for one in several)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_a_value_that_is_called_dead_makes_no_difference(seed: int) -> None:
    rng = seeded(seed)
    members = [rng.choice(PRIORITIES) for _ in range(3)]
    (rest, *_) = _small_conditions(rng)
    listed = [
        f"request.priority in [{', '.join(repr(one) for one in kept)}] && ({rest})"
        for kept in (members, *(members[:place] + members[place + 1 :] for place in range(3)))
    ]
    whole, *fewer = [[_true([parse(one)], facts) for facts in ANY] for one in listed]
    several = found(listed[0])
    columns = {one.column for one in several if one.code == "dead-value"}

    starts = [listed[0].index("[") + 2 + 6 * place for place in range(3)]
    for place, start in enumerate(starts):
        assert start not in columns or fewer[place] == whole
    if any(whole) and fewer[0] == whole:
        assert columns


def test_two_thousand_rows_are_gone_through_to_the_end() -> None:
    """The rows of five hundred clients, and one of two clients that theirs before it leave nothing to."""
    clients = [*(f"client-{number}" for number in range(499)), "*"]
    cells = [[client, priority] for client in clients for priority in ("P1", "P2", "P3", "*")]
    cells = [*cells[1:-4], ["client-7, client-9", "P2"], *cells[-4:]]
    table: dict[str, Any] = {
        "inputs": [{"fact": "client.name"}, {"fact": "request.priority"}],
        "then": rule("x", "true")["then"],
        "rows": [{"when": each, "because": "x"} for each in cells],
    }

    (finding,) = of_written({"table": table})

    assert len(cells) == 2_000
    assert (finding.code, finding.pointer) == ("shadowed", "/table/rows/1995")
    assert "one of 'client-7', 'client-9' before it does" in finding.reason


def test_what_was_not_found_out_in_time_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "STEPS_MAX", 3)

    several = found(*(f"request.impact > {number} || client.vip" for number in range(8)), "true")

    assert {one.code for one in several} == {"undecided"}
    assert several[0].severity is Severity.NOTICE


def test_the_gravest_comes_first_and_of_too_many_the_gravest_are_shown() -> None:
    notices = [
        Finding(code="unread-fact", pointer=f"/facts/{at}", reason="No rule reads it.")
        for at in range(lint.SHOWN_MAX)
    ]
    error, warning = (Finding(code=code, pointer="", reason="So.") for code in ("overlap", "gap"))

    shown = lint.shown([*notices, warning, error])

    assert shown[:3] == [error, warning, notices[0]]
    assert (len(shown), shown[-1].code) == (lint.SHOWN_MAX + 1, "more")

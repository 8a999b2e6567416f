import subprocess
import sys
from collections.abc import Sequence
from textwrap import dedent

import pytest

from service.rules.compile.plan import plan
from service.rules.compile.shards import STACK_MAX
from service.rules.engine import EnginePoisoned, Found, Handles, Session
from service.rules.language.parse import parse
from service.rules.language.values import Facts

STACK_OF_C = 64


def _never() -> bool:
    return False


def _match(source: list[str], facts: Facts) -> tuple[list[int], list[int]]:
    compiled = plan([parse(text) for text in source])
    session = Session(compiled)
    try:
        return session.match(compiled.encode(facts, is_late=_never))
    finally:
        session.close()


def _run(script: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, which may crash."""
    return subprocess.run(  # noqa: S603 our own interpreter and script
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=50, check=False
    )


def test_the_engine_finds_true_rules_and_errors() -> None:
    rules = ['p == "P1"', "q < 5", "!(q < 5)", "p in ['P1', 'P2'] || q == 1", "true", "p == 1"]

    assert _match(rules, {"p": "P1"}) == ([0, 3, 4], [1, 2])
    assert _match(rules, {"p": "P3", "q": 4}) == ([1, 4], [])
    assert _match(rules, {}) == ([4], [0, 1, 2, 3, 5])


def test_a_session_answers_the_same_however_often_it_is_asked() -> None:
    compiled = plan([parse(f"x >= {n}") for n in range(100)])
    session = Session(compiled)

    for _ in range(50):
        for value in (-1, 0, 50, 99, 1_000):
            codes = compiled.encode({"x": value}, is_late=_never)
            assert session.match(codes) == (list(range(min(value + 1, 100))), [])
    session.close()


def test_rule_sets_that_are_built_alike_share_what_c_holds() -> None:
    handles = Handles()
    plans = [plan([parse(f"x == {n} && y > {n}"), parse(f"z in ['{n}']")]) for n in range(3)]
    sessions = [Session(compiled, handles) for compiled in plans]
    other = Session(plan([parse("x == 1 || y == 2")]), handles)

    assert handles.terms == 2 + 2
    sessions.pop().close()
    other.close()
    assert handles.terms == 2
    for n, session in enumerate(sessions):
        codes = plans[n].encode({"x": n, "y": n + 1, "z": "2"}, is_late=_never)
        assert session.match(codes) == ([0], [])
        session.close()
    assert handles.terms == 0


def test_what_finds_errors_is_opened_with_the_first_doubt() -> None:
    handles, compiled = Handles(), plan([parse(f"x > {n}") for n in range(10)])
    session = Session(compiled, handles)

    assert session.match(compiled.encode({"x": 5}, is_late=_never)) == ([0, 1, 2, 3, 4], [])
    assert handles.terms == 10
    assert session.match(compiled.encode({}, is_late=_never)) == ([], list(range(10)))
    assert handles.terms == 20
    session.close()
    assert handles.terms == 0


def test_an_answer_is_remembered_for_its_codes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = plan([parse("x > 3"), parse("y == 1")])
    session, asked = Session(compiled, remembered_max=2), list[Sequence[int]]()
    anew = session.match_anew

    def noted(codes: Sequence[int]) -> Found:
        asked.append(codes)
        return anew(codes)

    monkeypatch.setattr(session, "match_anew", noted)

    found = [
        session.match(compiled.encode({"x": x, "y": 1}, is_late=_never)) for x in (1, 2, 3, 4, 5, 1, "x", 5)
    ]

    assert [true for true, _ in found] == [[1], [1], [1], [0, 1], [0, 1], [1], [1], [0, 1]]
    assert [errors for _, errors in found] == [[], [], [], [], [], [], [0], []]
    assert len(asked) == 6  # below, 3, above, below again which was forgotten, no number, above again
    session.close()


def test_a_shard_that_c_refuses_is_reported() -> None:
    compiled = plan([parse("x == 1")])
    (shard,) = compiled.certain
    broken = type(shard)('{"t0":{"all":[{"m":{"$and":[{"x":', shard.terms, shard.owners, shard.fragments)

    with pytest.raises(EnginePoisoned):
        Session(type(compiled)(compiled.columns, compiled.reads, (broken,), (), (), frozenset(), frozenset()))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            """
            for n in range(300):
                Session(plan([parse(f"x == {n}"), parse("y < 3")])).close()
            """,
            id="sessions closed before anything fired",
        ),
        pytest.param(
            """
            compiled = plan([parse(f"x == {n}") for n in range(600)])
            session = Session(compiled)
            assert session.match(compiled.encode({"x": 599}, is_late=bool)) == ([599], [])
            session.close()
            """,
            id="600 conditions on one fact",
        ),
        pytest.param(
            """
            compiled = plan([parse("x == 1")] * 5_000)
            session = Session(compiled)
            assert len(session.match(compiled.encode({"x": 1}, is_late=bool))[0]) == 5_000
            session.close()
            """,
            id="5,000 identical rules",
        ),
        pytest.param(
            """
            compiled = plan([parse(f"x{n} >= {n % 7}") for n in range(500)])
            session = Session(compiled)
            facts = {f"x{n}": 9 for n in range(500)}
            assert len(session.match(compiled.encode(facts, is_late=bool))[0]) == 500
            assert len(session.match(compiled.encode({}, is_late=bool))[1]) == 500
            session.close()
            """,
            id="500 facts, all matching, then all absent",
        ),
        pytest.param(
            """
            compiled = plan([parse(" && ".join(f"x{n} != {n}" for n in range(48)))])
            session = Session(compiled)
            assert session.match(compiled.encode({f"x{n}": -1 for n in range(48)}, is_late=bool)) == ([0], [])
            session.close()
            """,
            id="48 tests in one term",
        ),
        pytest.param(
            """
            names = ["id", "sid", "_id", "timestamp1", "m", "s", "w", "p0", "t0", "b0", "all", "any", "not"]
            rules = [f"{name} == 1" for name in names] + [f"has(r.{name})" for name in names]
            compiled = plan([parse(rule) for rule in rules])
            session = Session(compiled)
            for value in (1, "s", "w" * 1_000_000):
                facts = {name: value for name in names} | {"r": {name: value for name in names}}
                true, errors = session.match(compiled.encode(facts, is_late=bool))
                assert errors == []
                assert len(true) == len(names) * (1 + (value == 1))
            session.close()
            """,
            id="names that the engine reserves, and a value of a megabyte",
        ),
    ],
)
def test_what_crashed_the_engine_is_answered_through_the_compiler(script: str) -> None:
    imports = """
    from service.rules.compile.plan import plan
    from service.rules.engine import Session
    from service.rules.language.parse import parse
    """

    done = _run(dedent(imports) + dedent(script))

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("matching", "fits"), [(STACK_MAX, True), (STACK_OF_C, True), (STACK_OF_C + 1, False)]
)
def test_the_stack_of_the_engine_is_as_deep_as_assumed(matching: int, *, fits: bool) -> None:
    done = _run(f"""
        import json, durable_rules_engine as c
        tests = [{{"$gte": {{"p0": n}}}} for n in range({matching})]
        rules = {{f"t{{n}}": {{"all": [{{"m": {{"$and": [test]}}}}]}} for n, test in enumerate(tests)}}
        handle = c.create_ruleset("r", json.dumps(rules))
        try:
            print(c.assert_fact(handle, '{{"id":"e","sid":"s","p0":1000}}')[0])
        except c.error as error:
            print(error)
    """)

    assert done.returncode == 0
    assert (done.stdout == "0\n") is fits
    assert fits or "303" in done.stdout


def test_memory_is_given_back() -> None:
    done = _run("""
        from service.rules.compile.plan import plan
        from service.rules.engine import Session
        from service.rules.language.parse import parse

        def kilobytes():
            return int(open("/proc/self/statm").read().split()[1]) * 4

        compiled = plan([parse(f"x == {n} && y > {n}") for n in range(30)])
        codes = compiled.encode({"x": 3, "y": 9}, is_late=bool)

        def swap(times):
            for _ in range(times):
                session = Session(compiled)
                assert session.match(codes) == ([3], [])
                session.close()

        swap(100)
        before = kilobytes()
        swap(400)
        print(kilobytes() - before)
    """)

    assert done.returncode == 0
    assert int(done.stdout) < 2_000

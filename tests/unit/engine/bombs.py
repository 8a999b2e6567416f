"""Rule bombs: documents and facts that are made to cost much, or to break something.

Each is small enough to be sent, and meant to be large where it is read, compiled or matched.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

THEN: dict[str, Any] = {
    "promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]
}
OWN: dict[str, Any] = {
    "request.custom.n": "int",
    "request.custom.m": "int",
    "request.custom.x": "double",
    "request.custom.s": "string",
    "request.custom.l": "list<int>",
    "request.custom.k": "list<string>",
    "request.custom.d": "dyn",
    "request.custom.e": "dyn",
    "request.custom.at": "timestamp",
    "request.custom.for": "duration",
}
N, M, X, S = "request.custom.n", "request.custom.m", "request.custom.x", "request.custom.s"
L, K, D, E = "request.custom.l", "request.custom.k", "request.custom.d", "request.custom.e"
ROOM = 4_096
"""Characters in a condition."""
INT_MAX, INT_MIN = 2**63 - 1, -(2**63)


@dataclass(frozen=True, slots=True)
class Bomb:
    """A policy's document, and the facts `request.custom` that it is tried on."""

    name: str
    document: dict[str, Any]
    custom: dict[str, Any] = field(default_factory=dict[str, Any])


def bombs() -> Iterator[Bomb]:
    """All of them, the same in every run."""
    for family in (_deep, _wide, _patterns, _literals, _edges, _macros, _texts, _facts, _documents, _tables):
        yield from family()


def _of(name: str, *conditions: str, **custom: Any) -> Bomb:
    return _declared(name, OWN, conditions, custom)


def _declared(name: str, facts: dict[str, Any], conditions: Iterable[str], custom: dict[str, Any]) -> Bomb:
    rules = [
        {"id": f"r{place}", "when": when, "then": THEN, "because": "It is tried."}
        for place, when in enumerate(conditions)
    ]
    return Bomb(name, {"facts": facts, "rules": rules}, custom)


def _filled(part: str, joint: str) -> str:
    """As many of one part as fit into a condition."""
    return joint.join([part] * ((ROOM + len(joint)) // (len(part) + len(joint))))


def _deep() -> Iterator[Bomb]:
    """Brackets in brackets, of every kind."""
    nests = {
        "parentheses": ("(", "true", ")"),
        "negations": ("!", "true", ""),
        "minus": ("-", N, " == 1"),
        "lists": ("[", "1", "]"),
        "items": ("request.custom.d[", "0", "]"),
        "sizes": ("size(", K, ")"),
        "texts": ("string(", N, ")"),
        "choices": ("true ? ", "true", " : false"),
        "fields": ("", "request", ".a"),
        "differences": ("(1 - ", N, ")"),
        "alternatives": ("(true || ", "false", ")"),
        "memberships": ("1 in [", "1", "]"),
    }
    for (name, (opening, core, closing)), depth in product(nests.items(), (10, 31, 63, 64, 65, 500, 2_000)):
        text = opening * depth + core + closing * depth
        yield _of(f"{depth} {name}", text[:ROOM], n=1, k=["a"], d=[0])


def _wide() -> Iterator[Bomb]:
    """Chains, lists and products of alternatives."""
    for count in (16, 17, 60, 150):
        either = " || ".join(f"{N} == {n}" for n in range(count))
        yield _of(f"{count} alternatives", either, n=count - 1)
        yield _of(f"{count} alternatives of two facts", either.replace(f"{N} ==", f"{N} + {M} =="), n=1, m=2)
        yield _of(f"{count} exclusions", either.replace("==", "!=").replace("||", "&&"), n=-1)
        yield _of(f"not any of {count}", f"!({either})", n=-1)
    for pairs in (4, 5, 8, 30):
        product_of_sums = " && ".join(f"({N} == {n} || {M} == {n} || {X} > {n}.5)" for n in range(pairs))
        yield _of(f"a product of {pairs} sums", product_of_sums, n=1, m=2, x=100.0)
        yield _of(f"not a product of {pairs} sums", f"!({product_of_sums})", n=1, m=2)
    for items in (100, 900, 1_000, 1_001):
        yield _of(f"{items} items", f"{N} in [{','.join(map(str, range(items)))}]", n=items - 1)
        yield _of(f"{items} small items", f"{D} in [{','.join(['1'] * items)}]", d=[1])
        yield _of(f"{items} items elsewhere", f"[{','.join(['0'] * items)}].exists(i, i == {N})", n=1)
    for rules in (100, 500, 1_999):
        yield _of(f"{rules} thresholds", *(f"{N} > {n}" for n in range(rules)), n=rules)
        yield _of(f"{rules} holes", *(f"{N} != {n}" for n in range(rules)), n=-1)
        yield _of(f"{rules} sums", *(f"{N} + {n} == {M}" for n in range(rules)), n=1, m=5)
        yield _of(f"{rules} the same", *([f"{N} == 1"] * rules), n=1)
        yield _of(f"{rules} absent", *(f"!has({N}) || {N} > {n}" for n in range(rules)))
    yield _of("a full chain", _filled("true", "||"))
    yield _of("a full chain of absent facts", _filled(N + ">1", "||"))
    yield _of("many arguments", f"size({','.join(['1'] * 500)}) == 1")


def _patterns() -> Iterator[Bomb]:
    """Patterns that take exponential time, space or both elsewhere."""
    patterns = [
        "((a*)*)*",
        "(a*)*(b*)*",
        "(a|a)*$",
        "(a+)+$",
        "([a-zA-Z]+)*$",
        "(.*)*x",
        "(.*a){20}",
        "(.*a){1000}",
        "a{1000}",
        "a{1000}{1000}",
        "(a{100}){100}",
        "((a{100}){100}){100}",
        "(x+x+)+y",
        "(?:a?){100}a{100}",
        "[一-龥]{50}",
        "[a-😀]*b",
        "(" * 120,
        "(" * 100 + "a" + ")" * 100,
        "a" * 256,
        "a" * 257,
        "|".join("abcdefgh" * 8),
        "(?i)" + "ä" * 200,
        r"\\pL+\\pN+\\pL+$",
        "(?s).*.*.*.*.*=.*",
        ".{1,200}.{1,200}$",
        r"(\\w+\\s?)+$",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "[",
        "*a",
        "(?=a)",
        r"\\1",
        "(?P<x>a)\\\\1",
        "a**",
        "\\\\",
        "",
    ]
    texts = {"short": "aaa!", "as": "a" * 30_000, "long": "ab c" * 25_000, "wide": "验😀" * 10_000}
    for place, pattern in enumerate(patterns):
        for kind, text in texts.items():
            yield _of(f"pattern {place} on {kind}", f"{S}.matches('{pattern}')", s=text)
    many = " || ".join(f"{S}.matches('(.*{letter}){{9}}$')" for letter in "bcdefghijklmnopq")
    yield _of("16 patterns", many, s="a" * 30_000)
    yield _of("17 patterns", f"{many} || {S}.matches('z')", s="a" * 30_000)
    yield _of(
        "patterns in every rule", *[many.replace("9", str(n % 9 + 1)) for n in range(200)], s="a" * 9_000
    )
    yield _of("patterns from facts", f"{S}.matches({D})", s="a" * 30_000, d="(.*a){20}$")


def _literals() -> Iterator[Bomb]:
    """Numbers and texts as long as they can be written."""
    for digits in (18, 19, 20, 400, 4_000):
        nines = "9" * digits
        for written in (
            nines,
            f"-{nines}",
            f"0x{nines}",
            f"{nines}.0",
            f"0.{nines}",
            f"1e{nines[:9]}",
            f"1e-{nines[:9]}",
        ):
            yield _of(f"{digits} digits, {written[:4]}", f"{X} < {written}"[:ROOM], x=1.5)
    for text in ("a" * 4_000, "\\\\u0041" * 600, "\\\\U0001F600" * 300, "\\n" * 900, "é" * 4_000):
        yield _of(f"a text of {text[:4]!r}", f'{S} == "{text}"'[:ROOM], s="a")
        yield _of(f"a fact of {text[:4]!r}", f'{S}.contains("{text[:9]}")', s=text * 30)
    for escape in ("\\ud800", "\\udfff", "\\U00110000", "\\UFFFFFFFF", "\\x", "\\0", "\\400", "\\q", "\\u12"):
        yield _of(f"the escape {escape}", f'{S} == "{escape}"', s="a")
        yield _of(f"the escape {escape}, raw", f'{S} == r"{escape}"', s="a")
    for text in ("\ud800", "a\x00b", "\u202e", "\ufeff", "e\u0301" * 900, "\U000e0001", "\r\n\t\v"):
        yield _of(f"the text {text[:3]!r}", f'{S} == "{text}"', s=text)
        yield _of(f"the name {text[:3]!r}", f"request.custom.{text} == 1")
        yield _of(f"the quoted name {text[:3]!r}", f"request.custom.`{text}` == 1", **{text: 1})


def _edges() -> Iterator[Bomb]:
    """Arithmetic at the ends of the numbers, of time and of spans."""
    numbers = (INT_MIN, INT_MIN + 1, -1, 0, 1, 2**53, 2**53 + 1, INT_MAX)
    for operator, left in product("+-*/%", numbers):
        yield _of(
            f"{left} {operator} every edge", *(f"{N} {operator} {M} > {r}" for r in numbers), n=left, m=left
        )
        yield _of(f"{left} {operator} -1", f"{N} {operator} -1 == {N}", f"-{N} == {N}", n=left)
    for value in (1e308, -1e308, 5e-324, -0.0, 2.0**63, 0.1):
        sums = (f"{X} {operator} {X} == {X}" for operator in "+-*/")
        yield _of(f"doubles at {value}", *sums, f"int({X}) == {INT_MAX}", f"1.0 / {X} > 0.0", x=value)
    for at in (
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "2016-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
    ):
        moved = (f"request.custom.at {sign} duration('2562047h') > request.custom.at" for sign in "+-")
        yield _of(f"the instant {at}", *moved, "request.custom.at.getHours('Asia/Shanghai') > 1", at=at)
    for span in ("2562047h", "-2562047h", "1ns", "9" * 300 + "h", "1h" * 900):
        yield _of(
            f"the span {span[:9]}",
            "request.custom.for + request.custom.for > request.custom.for",
            **{"for": span},
        )


def _macros() -> Iterator[Bomb]:
    """Macros in macros, over lists as long as they may be and longer."""
    for size, depth in product((10, 199, 200, 201, 5_000), (1, 2, 3, 4)):
        inner = f"{L}[0] > 5"
        for level in range(depth):
            inner = f"{L}.exists(v{level}, {inner})"
        yield _of(f"{depth} macros over {size}", inner, l=[0] * size)
        mapped = f"size({'+'.join([f'{L}.map(v, v)'] * depth)}) > 0"
        yield _of(f"{depth} joined maps over {size}", mapped, l=[1] * size)
    for body in (
        f"{D} == {E} && {D} == {E}",
        f"{D} != {E} || {D} != {E}",
        f"size({S} + {S}) == 0",
        f"size({S} + {S} + string(v) + string(w)) == 0",
        f"size({D} + {E}) == 0",
        f"v in {D} && w in {D}",
        f"{S}.contains(string(v) + 'b')",
        f"{D}.exists(u, u == v)",
        f"{S}.matches('(.*a){{9}}b')",
        "timestamp(v).getHours('Asia/Shanghai') > 30",
        "int(string(v) + string(w)) < 0",
    ):
        nested = f"{L}.exists(v, {L}.exists(w, {body}))"
        facts = {"l": list(range(200)), "d": list(range(4_500)), "e": list(range(4_500)), "s": "a" * 45_000}
        yield _of(f"two macros around {body[:40]}", nested, **facts)
        yield _of(
            f"{body[:40]} in many rules",
            *(nested.replace("(v, ", f"(v, v == {n} && ") for n in range(50)),
            **facts,
        )
    renamed = f"[{D}].exists(a, [{E}].exists(b, {_filled('a!=b', '||')[:3_900].rpartition('||')[0]}))"
    yield _of("a long comparison under short names", renamed, d=list(range(4_500)), e=list(range(4_500)))


def _texts() -> Iterator[Bomb]:
    """Long texts searched, cut and joined."""
    for size in (1_000, 100_000, 1_000_000):
        yield _of(f"a search in {size}", f"{S}.contains({D})", s="a" * size, d="a" * (size // 2) + "b")
        yield _of(
            f"an end of {size}", f"{S}.endsWith({D}) && {S}.startsWith({D})", s="a" * size, d="a" * size
        )
        yield _of(f"sums of {size}", _filled(S, "+") + "== ''", s="a" * size)
        yield _of(
            f"numbers of {size}",
            f"int({S}) > 1",
            f"double({S}) > 1.0",
            f"timestamp({S}) > timestamp(0)",
            s="1" * size,
        )
        yield _of(f"equal to {size}", *[f"{S} == {D}"] * 100, s="a" * size, d="a" * size)


def _facts() -> Iterator[Bomb]:
    """Facts beyond all bounds."""
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    wide = {f"f{number}": number for number in range(100_000)}
    given: dict[str, Any] = {
        "a million elements": list(range(1_000_000)),
        "a million texts": ["a"] * 1_000_000,
        "a million lists": [[]] * 1_000_000,
        "900 levels": deep,
        "a wide map": wide,
        "many wide maps": [wide] * 20,
        "a long name": {"n" * 1_000_000: 1},
        "a long text": "x" * 10_000_000,
        "lone surrogates": ["\ud800"] * 50_000,
        "large integers": [2**64] * 50_000,
        "no numbers": [float("nan")] * 50_000,
        "nulls": [None] * 1_000_000,
        "empty names": {"": {"": {"": 1}}},
        "dotted names": {"a.b.c": 1, "a": {"b": {"c": 2}}},
    }
    for (name, value), condition in product(
        given.items(), (f"size({D}) > 0", f"{N} == 1", f"1 in {D} || has({D}.a)")
    ):
        yield _of(f"{name}: {condition}", condition, d=value, n=1)
    for name, value in given.items():
        yield _of(f"{name} for a list of ints", f"size({L}) > 0", l=value)


def _documents() -> Iterator[Bomb]:
    """Documents as large as they may be, and a little larger."""
    for rules in (2_000, 2_001):
        yield _of(
            f"{rules} rules", *(f"{N} == {n} && {S} == 's{n % 7}'" for n in range(rules)), n=1_999, s="s4"
        )
    yield _of("long rules", *([_filled(f"{N} != 1", " || ")] * 60), n=1)
    yield _of("long different rules", *(_filled(f"{N} != {n}", " && ") for n in range(60)), n=-1)
    yield _of("a rule that is too long", "true" + " " * ROOM)
    declared = {f"request.custom.f{number}": "int" for number in range(3_000)}
    yield _declared("3,000 facts declared", declared, ["request.custom.f7 == 1"], {"f7": 1})
    spoken = [f"request.custom.f{number} == 1" for number in range(1_500)]
    given = {f"f{number}": 1 for number in range(1_500)}
    yield _declared("3,000 facts read", declared, spoken, given)
    values = {"request.custom.n": {"type": "int", "values": list(range(20_000))}}
    yield _declared("20,000 values declared", values, [f"{N} == 1"], {"n": 1})
    twice = json.loads(
        '{"facts": {"request.custom.n": "int", "request.custom.n": "string"}, "rules": [], "rules": []}'
    )
    yield Bomb("keys repeated", twice)
    too_much: dict[str, Any] = {
        "tests": [{"name": f"t{n}", "facts": {}, "rules": []} for n in range(501)],
        "applies_to": {"services": [f"s{n}" for n in range(201)]},
        "order": 10**30,
        "hit_policy": "x" * 100_000,
        "unknown": deep_list(500),
    }
    for key, value in too_much.items():
        bomb = _of(f"too much in {key}", f"{N} == 1")
        yield Bomb(bomb.name, {**bomb.document, key: value})


def deep_list(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def _tables() -> Iterator[Bomb]:
    """Decision tables with many inputs, rows, and things in their cells."""
    for inputs, rows in ((1, 2_000), (1, 2_001), (10, 500), (40, 150), (41, 1)):
        asked = [{"fact": f"request.custom.f{number}"} for number in range(inputs)]
        facts = {f"request.custom.f{number}": "int" for number in range(inputs)}
        table = {
            "inputs": asked,
            "then": THEN,
            "rows": [
                {
                    "when": [f"{(row * 7 + column) % 50}" for column in range(inputs)],
                    "because": "It is tried.",
                }
                for row in range(rows)
            ],
        }
        yield Bomb(f"a table of {inputs} by {rows}", {"facts": facts, "table": table}, {"f0": 1})
    for cell in (
        ", ".join(map(str, range(900))),
        f"not({', '.join(map(str, range(900)))})",
        "not(" * 100 + "1" + ")" * 100,
        "[1..9223372036854775807]",
        "[9..1]",
        "= " + "(" * 200,
        f"= {_filled(f'{N} > 1', ' || ')}",
        ">= " + "9" * 5_000,
        '"' + "a" * 5_000,
        "," * 5_000,
        "\ud800",
    ):
        row = {"when": [cell], "because": "It is tried."}
        table = {"inputs": [{"fact": N}], "then": THEN, "rows": [row]}
        yield Bomb(f"the cell {cell[:12]!r}", {"facts": OWN, "table": table}, {"n": 1})

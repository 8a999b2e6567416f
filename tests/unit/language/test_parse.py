import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.language.faults import LanguageError
from service.rules.language.format import format_expression
from service.rules.language.lex import SOURCE_BYTES_MAX
from service.rules.language.parse import ARGUMENTS_MAX, DEPTH_MAX, LIST_ITEMS_MAX, NODES_MAX, parse
from service.rules.language.syntax import (
    Binary,
    BinaryOperator,
    Call,
    Conditional,
    Expression,
    Has,
    Index,
    ListOf,
    Literal,
    Name,
    Place,
    Select,
    Unary,
    UnaryOperator,
)
from service.rules.language.walk import children, path_of
from tests import effort
from tests.unit.language.generators import HERE, Case, cases

ANSWER_SECONDS_MAX = 0.1

PARTS = (
    "a",
    ".",
    "(",
    ")",
    "[",
    "]",
    "!",
    "-",
    "&&",
    "||",
    "==",
    "in",
    "1",
    "'x'",
    ",",
    "?",
    ":",
    "has(",
    "f(",
    "\n",
)


def without_places(node: Expression) -> object:
    """A tree that compares equal wherever its nodes stood."""
    match node:
        case Literal():
            own: object = repr(node.value)
        case Name():
            own = node.name
        case Select():
            own = node.field
        case Call():
            own = (node.function, node.target is None)
        case Unary() | Binary():
            own = node.operator
        case _:
            own = None
    return type(node).__name__, own, tuple(map(without_places, children(node)))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("true", True),
        ("null", None),
        ("0x1F", 31),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("-0x8000000000000000", -(2**63)),
        ("- 1", -1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("1 // the rest is a comment", 1),
        ("\n\t 1 \f\r\n", 1),
        (r"'a\tb\'\u00e9\x41\101\U0001F600'", "a\tb'éAA😀"),
        (r"r'\d+\'", "\\d+\\"),
        ('R"""a"b\nc"""', 'a"b\nc'),
        ("'''it's'''", "it's"),
        ('""', ""),
    ],
)
def test_literals(source: str, value: object) -> None:
    found = parse(source)

    assert isinstance(found, Literal)
    assert (type(found.value), found.value) == (type(value), value)


@pytest.mark.parametrize(
    ("source", "same_as"),
    [
        ("a || b && c", "a || (b && c)"),
        ("a && b == c", "a && (b == c)"),
        ("a == b + c * d", "a == (b + (c * d))"),
        ("a - b - c", "(a - b) - c"),
        ("a < b == c", "(a < b) == c"),
        ("!a.b && c", "(!(a.b)) && c"),
        ("-a * b", "(-a) * b"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a || b ? c : d", "(a || b) ? c : d"),
        ("a in b && c", "(a in b) && c"),
        ("[1, 2,]", "[1, 2]"),
        ("a.`b`", "a.b"),
        ("f(a).b[c]", "((f(a)).b)[c]"),
    ],
)
def test_precedence(source: str, same_as: str) -> None:
    assert without_places(parse(source)) == without_places(parse(same_as))


def test_places_are_lines_and_columns_in_code_points() -> None:
    found = parse('a.b == "😀" &&\n  c')

    assert isinstance(found, Binary)
    assert found.place == Place(1, 12)
    assert found.right.place == Place(2, 3)


def test_words_reserved_by_cel_may_follow_a_dot() -> None:
    assert path_of(parse("request.for.package")) == ("request", "for", "package")


@pytest.mark.parametrize(
    ("source", "line", "column", "told"),
    [
        ("", 1, 1, "found the end"),
        ("1 +", 1, 4, "found the end"),
        ("(1", 1, 3, "`)`"),
        ("[1 2]", 1, 4, "`,` or `]`"),
        ("f(1,)", 1, 5, "found `)`"),
        ("a.", 1, 3, "name of a field"),
        ("a.in", 1, 3, "name of a field"),
        ("a = 1", 1, 3, "`==`"),
        ("a & b", 1, 3, "`&&`"),
        ("a\n  and b", 2, 3, "found `and`"),
        ("package", 1, 1, "reserved word"),
        ("in", 1, 1, "found `in`"),
        ("'abc", 1, 1, "no end"),
        ("'a\nb'", 1, 1, "no end"),
        (r"'\d'", 1, 1, "raw string"),
        (r"'\ud800'", 1, 1, "no escape"),
        ("9223372036854775808", 1, 1, "64 bits"),
        ("-9223372036854775809", 1, 1, "64 bits"),
        ("0x8000000000000000", 1, 1, "64 bits"),
        ("1e999", 1, 1, "too large"),
        ("1u", 1, 1, "write `1`"),
        ("b'a'", 1, 1, "Bytes"),
        ("{'a': 1}", 1, 1, "Map literals"),
        ("has(a)", 1, 5, "asks for a field"),
        ("has(a.b, c)", 1, 8, "one argument"),
        ("a.existsOne(x, x > 1)", 1, 3, "macro"),
        ("a.exists(x)", 1, 11, "what is asked of each element"),
        ("a.exists(b.c, true)", 1, 11, "what is asked of each element"),
        ("a.exists('x', true)", 1, 10, "a name for each element"),
        ("a.exists(x, x > 1, true)", 1, 18, "two arguments"),
        ("a.all(x, a.all(y, a.all(z, true)))", 1, 3, "go through too much"),
        ("a.all(x, a.all(y, x.matches(y)))", 1, 21, "calls of `matches`"),
        (".a", 1, 1, "found `.`"),
        ("a ? b", 1, 6, "`:`"),
        ("a" * 101, 1, 1, "at most 100 characters"),
        ("a == 'x' b", 1, 10, "an operator or the end"),
    ],
)
def test_a_fault_says_where_and_what_was_expected(source: str, line: int, column: int, told: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(source)

    (found,) = caught.value.faults
    assert (found.line, found.column) == (line, column)
    assert told in found.message


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "!" * 100_000,
        "-" * 100_000,
        "[" * 16_000,
        "a." * 8_000,
        "a[" * 8_000,
        "f(" * 8_000,
        "!" * 16_000 + "a",
        "(" * 8_000 + "a" + ")" * 8_000,
        "a ? " * 4_000,
        "a?a:" * 4_000 + "a",
        "a" + "+a" * 8_000,
        "a" + "<a" * 8_000,
        "a" + "*(a" * 5_000,
        "a||a&&a==a+a*(" * 1_000,
        "[" + "1," * 8_000,
        "'" + "x" * 1_000_000 + "'",
        "é" * 9_000,
        "\0",
        "a == 'b\0'",
        "'\ud800'",
        str(10**100),
        "1" * 16_000,
        "1e" + "9" * 16_000,
        "'" + "\\" * 16_000,
        "`" * 16_000,
        '"""' * 5_000,
        "/" * 16_000 + "\n",
        "has(" * 4_000,
    ],
    ids=lambda source: f"{source[:12]!r}…{len(source)}",
)
def test_hostile_text_is_refused_at_once(source: str) -> None:
    def refused() -> None:
        with pytest.raises(LanguageError) as caught:
            parse(source)
        assert len(str(caught.value)) < 400

    assert effort.cpu_seconds(refused) < ANSWER_SECONDS_MAX


@pytest.mark.parametrize(
    ("before", "repeated", "middle", "after", "most"),
    [
        ("", "(", "a", ")", DEPTH_MAX - 1),
        ("", "!", "a", "", DEPTH_MAX - 1),
        ("a", "+a", "", "", DEPTH_MAX - 1),
        ("a", "<a", "", "", DEPTH_MAX - 1),
        ("a", ".b", "", "", DEPTH_MAX - 1),
        ("[", "1,", "]", "", LIST_ITEMS_MAX),
        ("f(0", ",1", ")", "", ARGUMENTS_MAX - 1),
        ("a", "&&a", "", "", NODES_MAX // 2 - 1),
        ("a", " ", "", "", SOURCE_BYTES_MAX - 1),
    ],
)
def test_bounds_are_where_they_are_said_to_be(
    before: str, repeated: str, middle: str, after: str, most: int
) -> None:
    parse(before + repeated * most + middle + after * most)

    with pytest.raises(LanguageError):
        parse(before + repeated * (most + 1) + middle + after * (most + 1))


def below(frames: int, source: str) -> Expression:
    return parse(source) if frames == 0 else below(frames - 1, source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * (DEPTH_MAX - 1) + "a" + ")" * (DEPTH_MAX - 1),
        "f(" * (DEPTH_MAX - 2) + "a" + ")" * (DEPTH_MAX - 2),
    ],
    ids=["parentheses", "calls"],
)
def test_the_deepest_condition_is_parsed_far_down_a_stack(source: str) -> None:
    assert format_expression(below(400, source))


def test_a_long_chain_of_alternatives_is_no_deep_tree() -> None:
    source = " || ".join(f'request.service == "s{number}"' for number in range(400))

    assert format_expression(parse(source)) == source


def parsed(text: str) -> Expression | None:
    try:
        return parse(text)
    except LanguageError:
        return None


@given(text=st.text(alphabet=st.characters(), max_size=60) | st.lists(st.sampled_from(PARTS)).map(" ".join))
def test_any_text_is_a_tree_that_survives_formatting_or_a_language_error(text: str) -> None:
    tree = parsed(text)

    if tree is not None:
        assert without_places(parse(format_expression(tree))) == without_places(tree)


@given(case=cases())
def test_formatting_round_trips(case: Case) -> None:
    again = parse(format_expression(case.expression))

    assert without_places(again) == without_places(case.expression)
    assert format_expression(again) == case.source


@given(
    shape=st.recursive(st.just(None), lambda inner: st.tuples(inner, inner), max_leaves=12), data=st.data()
)
def test_chains_of_any_shape_round_trip(shape: object, data: st.DataObject) -> None:
    def tree(part: object) -> Expression:
        if not isinstance(part, tuple):
            return Name("a", HERE)
        left, right = part  # pyright: ignore[reportUnknownVariableType]  # a pair of parts
        operator = data.draw(
            st.sampled_from([BinaryOperator.AND, BinaryOperator.OR, BinaryOperator.SUBTRACT])
        )
        return Binary(operator, tree(left), tree(right), HERE)  # pyright: ignore[reportUnknownArgumentType]

    whole = tree(shape)

    assert without_places(parse(format_expression(whole))) == without_places(whole)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (Unary(UnaryOperator.NEGATE, Literal(1, HERE), HERE), "-(1)"),
        (Unary(UnaryOperator.NEGATE, Literal(-1, HERE), HERE), "-(-1)"),
        (Literal(-0.0, HERE), "-0.0"),
        (Literal(1e22, HERE), "1e+22"),
        (Literal('a"\\\n\u0000😀', HERE), '"a\\"\\\\\\n\\u0000😀"'),
        (Select(Name("a", HERE), "cost-center", HERE), "a.`cost-center`"),
        (Index(ListOf((), HERE), Literal(0, HERE), HERE), "[][0]"),
        (Has(Select(Name("a", HERE), "b", HERE), HERE), "has(a.b)"),
        (Conditional(Name("a", HERE), Name("b", HERE), Name("c", HERE), HERE), "a ? b : c"),
        (Select(Literal(1, HERE), "e5", HERE), "1.e5"),
    ],
)
def test_canonical_text(tree: Expression, text: str) -> None:
    assert format_expression(tree) == text
    assert without_places(parse(text)) == without_places(tree)

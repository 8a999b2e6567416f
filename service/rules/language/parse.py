"""Text into a syntax tree. Every bound is a constant here, and every refusal names its place."""

import math
from collections.abc import Iterator

from service.rules.language.faults import LanguageError, fault
from service.rules.language.lex import INT_MAX, INT_MIN, RESERVED_WORDS, Kind, Token, out_of_range, tokens
from service.rules.language.syntax import (
    Binary,
    BinaryOperator,
    Call,
    Comprehension,
    Conditional,
    Expression,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    Name,
    Place,
    Select,
    Unary,
    UnaryOperator,
)
from service.rules.language.walk import ELEMENTS_MAX, children, cost_of, shortened

DEPTH_MAX = 64
"""Levels of nesting, and height of the tree. A chain of `&&` or `||` costs the logarithm of its length."""
NODES_MAX = 4_000
LIST_ITEMS_MAX = 1_000
ARGUMENTS_MAX = 8
COST_MAX = 500_000
"""Parts that an evaluation may visit when every list that a macro goes through is as long as it may be."""
MATCHES_MAX = 16
"""Calls of `matches`: the one function whose cost is more than that of reading its operands."""
_MATCHES_IN_MACRO = 8
"""What a call of `matches` inside of a macro counts for; inside of two, its square."""

_LEVELS: tuple[frozenset[BinaryOperator], ...] = (
    frozenset({BinaryOperator.OR}),
    frozenset({BinaryOperator.AND}),
    frozenset(
        {
            BinaryOperator.EQUAL,
            BinaryOperator.NOT_EQUAL,
            BinaryOperator.LESS,
            BinaryOperator.LESS_OR_EQUAL,
            BinaryOperator.GREATER,
            BinaryOperator.GREATER_OR_EQUAL,
            BinaryOperator.IN,
        }
    ),
    frozenset({BinaryOperator.ADD, BinaryOperator.SUBTRACT}),
    frozenset({BinaryOperator.MULTIPLY, BinaryOperator.DIVIDE, BinaryOperator.MODULO}),
)
PRECEDENCE: dict[BinaryOperator, int] = {
    operator: level for level, operators in enumerate(_LEVELS) for operator in operators
}
"""How tightly an operator binds: 0 for `||`, 4 for `*`. All are left-associative."""

_OPERATORS = {operator.value: operator for operator in BinaryOperator}
_UNARY_OPERATORS = {operator.value: operator for operator in UnaryOperator}
_MACROS = {macro.value: macro for macro in Macro}
_UNKNOWN_MACROS = frozenset({"existsOne", "transformList", "transformMap", "transformMapEntry"})
_TIGHTEST = len(_LEVELS) - 1
_LOGIC = frozenset({BinaryOperator.AND, BinaryOperator.OR})


def parse(source: str) -> Expression:
    """The tree of `source`.

    Raises:
        LanguageError: with one fault that says where, what was found and what was expected.
    """
    parser = _Parser(tokens(source))
    expression = parser.expression()
    parser.expect_end()
    _refuse_too_high(expression)
    if cost_of(expression) > COST_MAX:
        raise _too_costly(expression.place)
    return expression


def halves(count: int) -> tuple[int, int]:
    """How many operands of a chain of `&&` or `||` stand left and right of its root."""
    return (count + 1) // 2, count // 2


def _refuse_too_high(expression: Expression) -> None:
    pending = [(expression, 1)]
    while pending:
        node, height = pending.pop()
        if height > DEPTH_MAX:
            raise _too_deep(node.place)
        pending.extend((child, height + 1) for child in children(node))


def _too_costly(place: Place) -> LanguageError:
    message = (
        f"The macros of this condition may go through too much: {ELEMENTS_MAX} elements at each level;"
        " nest fewer, or ask less of each element."
    )
    return LanguageError([fault(place, message)])


def _too_deep(place: Place) -> LanguageError:
    message = f"The condition is nested deeper than {DEPTH_MAX} levels here; split it into several rules."
    return LanguageError([fault(place, message)])


class _Parser:
    def __init__(self, following: Iterator[Token]) -> None:
        self._following = following
        self._token = next(following)
        self._depth = 0
        self._nodes = 0
        self._matches = 0
        self._macros = 0

    def expression(self) -> Expression:
        self._enter()
        condition = self._binary(0)
        question = self._taken("?")
        if question is not None:
            then = self._binary(0)
            self._expect(":", "`:` and the value for the other case")
            condition = self._counted(Conditional(condition, then, self.expression(), question.place))
        self._depth -= 1
        return condition

    def expect_end(self) -> None:
        if self._token.kind is not Kind.END:
            raise self._unexpected("an operator or the end of the condition")

    def _advance(self) -> None:
        self._token = next(self._following, self._token)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _too_deep(self._token.place)

    def _taken(self, symbol: str) -> Token | None:
        token = self._token
        if token.kind is not Kind.SYMBOL or token.text != symbol:
            return None
        self._advance()
        return token

    def _expect(self, symbol: str, wanted: str) -> None:
        if self._taken(symbol) is None:
            raise self._unexpected(wanted)

    def _unexpected(self, wanted: str) -> LanguageError:
        token = self._token
        found = str(token.kind) if token.kind is Kind.END else f"`{shortened(token.text)}`"
        return LanguageError([fault(token.place, f"Expected {wanted}, found {found}.")])

    def _counted(self, node: Expression) -> Expression:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            message = f"The condition has more than {NODES_MAX:,} parts; split it into several rules."
            raise LanguageError([fault(node.place, message)])
        return node

    def _operator(self, lowest: int, highest: int) -> tuple[BinaryOperator, Place] | None:
        """Take the next token if it is a binary operator of these levels."""
        token = self._token
        operator = _OPERATORS.get(token.text)
        if operator is None or not lowest <= PRECEDENCE[operator] <= highest:
            return None
        self._advance()
        return operator, token.place

    def _binary(self, lowest: int) -> Expression:
        left = self._unary()
        links = 0
        while (found := self._operator(lowest, _TIGHTEST)) is not None:
            operator, place = found
            links += 1
            if links > DEPTH_MAX:
                raise _too_deep(place)
            if operator in _LOGIC:
                left = self._logic(left, found)
            else:
                left = self._counted(Binary(operator, left, self._right(operator), place))
        return left

    def _right(self, operator: BinaryOperator) -> Expression:
        self._enter()
        operand = self._binary(PRECEDENCE[operator] + 1)
        self._depth -= 1
        return operand

    def _logic(self, first: Expression, found: tuple[BinaryOperator, Place]) -> Expression:
        level = PRECEDENCE[found[0]]
        operands, operators = [first, self._right(found[0])], [found]
        while (following := self._operator(level, level)) is not None:
            operators.append(following)
            operands.append(self._right(following[0]))
        return self._balanced(operands, operators)

    def _balanced(
        self, operands: list[Expression], operators: list[tuple[BinaryOperator, Place]]
    ) -> Expression:
        """A tree of logarithmic height. `&&` and `||` are associative, errors included."""
        if len(operands) == 1:
            return operands[0]
        middle, _ = halves(len(operands))
        operator, place = operators[middle - 1]
        left = self._balanced(operands[:middle], operators[: middle - 1])
        right = self._balanced(operands[middle:], operators[middle:])
        return self._counted(Binary(operator, left, right, place))

    def _unary(self) -> Expression:
        signs: list[tuple[UnaryOperator, Place]] = []
        while (token := self._taken("!") or self._taken("-")) is not None:
            signs.append((_UNARY_OPERATORS[token.text], token.place))
            if len(signs) > DEPTH_MAX:
                raise _too_deep(token.place)
        negative: Place | None = None
        if signs and signs[-1][0] is UnaryOperator.NEGATE and self._token.kind in {Kind.INT, Kind.DOUBLE}:
            negative = signs.pop()[1]
        operand = self._member(negative)
        for operator, place in reversed(signs):
            operand = self._counted(Unary(operator, operand, place))
        return operand

    def _member(self, negative: Place | None) -> Expression:
        operand = self._primary(negative)
        for _ in range(DEPTH_MAX):
            if self._taken("."):
                operand = self._after_dot(operand)
            elif (bracket := self._taken("[")) is not None:
                index = self.expression()
                self._expect("]", "`]` after the index")
                operand = self._counted(Index(operand, index, bracket.place))
            else:
                return operand
        raise _too_deep(self._token.place)

    def _after_dot(self, operand: Expression) -> Expression:
        token = self._token
        if token.kind not in {Kind.WORD, Kind.QUOTED_NAME} or token.text == BinaryOperator.IN:
            raise self._unexpected("the name of a field or function after `.`")
        self._advance()
        name = str(token.value)
        if token.kind is Kind.WORD and self._taken("("):
            self._refuse_more_matches(token)
            if name in _UNKNOWN_MACROS:
                message = f"The macro `{name}` is not part of this language; these are: {', '.join(_MACROS)}."
                raise LanguageError([fault(token.place, message)])
            if name in _MACROS:
                return self._comprehension(_MACROS[name], operand, token.place)
            return self._counted(Call(name, operand, self._items(")", ARGUMENTS_MAX), token.place))
        return self._counted(Select(operand, name, token.place))

    def _comprehension(self, macro: Macro, operand: Expression, place: Place) -> Expression:
        token = self._token
        if token.kind is not Kind.WORD or token.text in RESERVED_WORDS or token.text == BinaryOperator.IN:
            raise self._unexpected(f"a name for each element, as in `{macro}(one, one > 0)`,")
        self._advance()
        self._expect(",", "`,` and what is asked of each element")
        self._macros += 1
        body = self.expression()
        self._macros -= 1
        self._expect(")", f"`)` after the two arguments of `{macro}`")
        return self._counted(Comprehension(macro, operand, token.text, body, place))

    def _primary(self, negative: Place | None) -> Expression:
        token = self._token
        match token.kind:
            case Kind.INT | Kind.DOUBLE:
                self._advance()
                return self._counted(_number(token, negative))
            case Kind.STRING | Kind.CONSTANT:
                self._advance()
                return self._counted(Literal(token.value, token.place))
            case Kind.WORD if token.text != BinaryOperator.IN:
                self._advance()
                return self._named(token)
            case _:
                return self._enclosed()

    def _enclosed(self) -> Expression:
        if self._taken("("):
            inner = self.expression()
            self._expect(")", "an operator or `)`")
            return inner
        bracket = self._taken("[")
        if bracket is not None:
            return self._counted(ListOf(self._items("]", LIST_ITEMS_MAX), bracket.place))
        brace = self._taken("{")
        if brace is not None:
            message = "Map literals are not part of this language; name a fact instead."
            raise LanguageError([fault(brace.place, message)])
        raise self._unexpected("a fact, a literal, a list or `(`")

    def _named(self, token: Token) -> Expression:
        if token.text in RESERVED_WORDS:
            message = f"`{token.text}` is a reserved word of CEL and cannot be the name of a fact."
            raise LanguageError([fault(token.place, message)])
        if not self._taken("("):
            return self._counted(Name(token.text, token.place))
        if token.text == "has":
            return self._has(token.place)
        self._refuse_more_matches(token)
        return self._counted(Call(token.text, None, self._items(")", ARGUMENTS_MAX), token.place))

    def _refuse_more_matches(self, token: Token) -> None:
        if token.text == "matches":
            self._matches += _MATCHES_IN_MACRO**self._macros
        if self._matches > MATCHES_MAX:
            message = (
                f"More than {MATCHES_MAX} calls of `matches`; join patterns with `|`, or use several rules."
            )
            raise LanguageError([fault(token.place, message)])

    def _has(self, place: Place) -> Expression:
        target = self.expression()
        self._expect(")", "`)` after the one argument of `has`")
        if not isinstance(target, Select):
            message = "`has` asks for a field, as in `has(request.priority)`; found something else."
            raise LanguageError([fault(target.place, message)])
        return self._counted(Has(target, place))

    def _items(self, closing: str, most: int) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._taken(closing):
            if len(items) == most:
                message = f"More than {most:,} items are not allowed between these brackets."
                raise LanguageError([fault(self._token.place, message)])
            items.append(self.expression())
            if not self._taken(","):
                self._expect(closing, f"`,` or `{closing}`")
                break
            if closing == ")" and self._token.text == closing:
                raise self._unexpected("an argument after `,`")
        return tuple(items)


def _number(token: Token, negative: Place | None) -> Literal:
    place = token.place if negative is None else negative
    sign = 1 if negative is None else -1
    if isinstance(token.value, float):
        if not math.isfinite(token.value):
            raise LanguageError([fault(place, "The double is too large; the largest is about 1.797e308.")])
        return Literal(sign * token.value, place)
    value = sign * int(token.value or 0)
    if not INT_MIN <= value <= INT_MAX:
        raise out_of_range(place)
    return Literal(value, place)

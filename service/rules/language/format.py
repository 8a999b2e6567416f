"""A tree as its canonical text: parsing the text gives the tree back, but for places. Minimal parentheses."""

from service.rules.language.parse import PRECEDENCE, halves
from service.rules.language.semantics import ABSORBING
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
    Name,
    Select,
    Unary,
    UnaryOperator,
)
from service.rules.language.walk import chain, field_text

_TERNARY = -1
_UNARY = len(PRECEDENCE)
_MEMBER = _UNARY + 1
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SHORT_ESCAPE_MAX = 0xFFFF


def format_expression(expression: Expression) -> str:
    """The canonical source of `expression`."""
    return _text(expression, _TERNARY)


def _text(node: Expression, tightest: int) -> str:
    """The text of `node` where an operand that binds at least as tightly as `tightest` is asked for."""
    text = _bare(node)
    return f"({text})" if _tightness(node) < tightest else text


def _tightness(node: Expression) -> int:
    match node:
        case Conditional():
            return _TERNARY
        case Binary():
            return PRECEDENCE[node.operator]
        case Unary():
            return _UNARY
        case _:
            return _MEMBER


def _bare(node: Expression) -> str:
    match node:
        case Literal():
            return literal_text(node.value)
        case Binary():
            return _binary(node)
        case Unary():
            return _unary(node)
        case Conditional():
            condition, then = _text(node.condition, 0), _text(node.then, 0)
            return f"{condition} ? {then} : {_text(node.otherwise, _TERNARY)}"
        case _:
            return _member(node)


def _member(node: Name | Select | Index | Has | ListOf | Call | Comprehension) -> str:
    match node:
        case Name():
            return node.name
        case Select():
            return f"{_text(node.operand, _MEMBER)}.{field_text(node.field)}"
        case Has():
            return f"has({_text(node.target, _TERNARY)})"
        case ListOf():
            return f"[{_items(node.items)}]"
        case _:
            return _applied(node)


def _applied(node: Index | Call | Comprehension) -> str:
    match node:
        case Index():
            return f"{_text(node.operand, _MEMBER)}[{_text(node.index, _TERNARY)}]"
        case Call():
            target = "" if node.target is None else f"{_text(node.target, _MEMBER)}."
            return f"{target}{node.function}({_items(node.arguments)})"
        case Comprehension():
            body = _text(node.body, _TERNARY)
            return f"{_text(node.operand, _MEMBER)}.{node.macro}({node.variable}, {body})"


def _items(items: tuple[Expression, ...]) -> str:
    return ", ".join(_text(item, _TERNARY) for item in items)


def _binary(node: Binary) -> str:
    if node.operator in ABSORBING and _is_balanced(node, node.operator):
        operands = chain(node, node.operator)
        return f" {node.operator} ".join(
            _text(operand, PRECEDENCE[node.operator] + 1) for operand in operands
        )
    level = PRECEDENCE[node.operator]
    # The parser balances chains of `&&` and `||`: a chain of another shape keeps its parentheses.
    left = level + 1 if node.operator in ABSORBING else level
    return f"{_text(node.left, left)} {node.operator} {_text(node.right, level + 1)}"


def _is_balanced(node: Expression, operator: BinaryOperator) -> bool:
    if not isinstance(node, Binary) or node.operator is not operator:
        return True
    left, right = len(chain(node.left, operator)), len(chain(node.right, operator))
    return (left, right) == halves(left + right) and all(
        _is_balanced(side, operator) for side in (node.left, node.right)
    )


def _unary(node: Unary) -> str:
    operand = _text(node.operand, _UNARY)
    # A minus before a number is read as part of it; CEL takes `--` for nothing and refuses `!-` and `-!`.
    is_negation = node.operator is UnaryOperator.NEGATE
    is_ambiguous = operand[0] == "-" or (is_negation and (operand[0].isdigit() or operand[0] == "!"))
    return f"{node.operator}({operand})" if is_ambiguous else f"{node.operator}{operand}"


def literal_text(value: bool | float | str | None) -> str:  # noqa: FBT001  # a value of the language
    """A literal as it is written in a condition."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{"".join(map(_escaped, value))}"' if isinstance(value, str) else repr(value)


def _escaped(character: str) -> str:
    escape = _ESCAPES.get(character)
    if escape is not None:
        return escape
    if character.isprintable():
        return character
    code_point = ord(character)
    return f"\\u{code_point:04x}" if code_point <= _SHORT_ESCAPE_MAX else f"\\U{code_point:08x}"

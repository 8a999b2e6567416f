"""Ways through a syntax tree that every reader of it needs."""

import re
from collections.abc import Iterator, Sequence

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
)

ELEMENTS_MAX = 200
"""How many elements a list or map may have that a macro goes through."""

_TEXT_SHOWN_MAX = 60
_PLAIN_FIELD = re.compile(r"(?!(?:true|false|null|in)\Z)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def children(node: Expression) -> tuple[Expression, ...]:
    """The nodes right below `node`, from left to right."""
    match node:
        case Literal() | Name():
            return ()
        case Select() | Unary():
            return (node.operand,)
        case Has():
            return (node.target,)
        case _:
            return _many_children(node)


def _many_children(
    node: Index | ListOf | Call | Binary | Conditional | Comprehension,
) -> tuple[Expression, ...]:
    match node:
        case Index():
            return (node.operand, node.index)
        case ListOf():
            return node.items
        case Call():
            return node.arguments if node.target is None else (node.target, *node.arguments)
        case Binary():
            return (node.left, node.right)
        case Conditional():
            return (node.condition, node.then, node.otherwise)
        case Comprehension():
            return (node.operand, node.body)


def shortened(text: str) -> str:
    """`text` as it may stand in a message."""
    return text if len(text) <= _TEXT_SHOWN_MAX else text[: _TEXT_SHOWN_MAX - 1] + "…"


def cost_of(node: Expression, *, elements: int = ELEMENTS_MAX) -> int:
    """How many nodes are evaluated at most, `node` included, when a macro goes through so many elements."""
    if isinstance(node, Comprehension):
        body = cost_of(node.body, elements=elements)
        return 1 + cost_of(node.operand, elements=elements) + elements * body
    return 1 + sum(cost_of(child, elements=elements) for child in children(node))


def path_of(node: Expression) -> tuple[str, ...] | None:
    """`("request", "priority")` for `request.priority`; None when the node is not a plain path of names."""
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    if not isinstance(node, Name):
        return None
    return (node.name, *reversed(fields))


def paths(node: Expression) -> Iterator[tuple[str, ...]]:
    """The facts that an expression names: `("client", "tier")` for `client.tier`."""
    path = path_of(node)
    if path is not None:
        yield path
        return
    for part in children(node):
        yield from paths(part)


def path_text(path: Sequence[str]) -> str:
    """A path as it is written in a condition."""
    return ".".join([path[0], *map(field_text, path[1:])])


def field_text(field: str) -> str:
    """A field as it is written after a dot: between backticks when it is no plain name."""
    return field if _PLAIN_FIELD.fullmatch(field) else f"`{field}`"


def chain(node: Expression, operator: BinaryOperator) -> tuple[Expression, ...]:
    """The operands of nested uses of one operator: `a && (b && c)` gives a, b and c."""
    if not isinstance(node, Binary) or node.operator is not operator:
        return (node,)
    return chain(node.left, operator) + chain(node.right, operator)

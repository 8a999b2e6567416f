"""What a template speaks of, does and costs: its tree against what there is. Nothing is told here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import ForNode
from liquid.expression import Expression

from service.rationalization.wording.domain.messages import ValueType
from service.rationalization.wording.domain.values import ENTRIES_MAX
from service.rationalization.wording.engine import FILTERS, Program

STEPS_MAX = 5_000
FILTER_STEPS = 20
"""What a filter costs beside a mark without one."""
FILTERS_MAX = 5
LOOP = "forloop"
LOOP_PARTS = ("index", "index0", "rindex", "rindex0", "first", "last", "length")
PARTS: Mapping[ValueType, tuple[str, ...]] = {
    ValueType.TEXT: ("size",),
    ValueType.TEXTS: ("size", "first", "last"),
    ValueType.INSTANT: (),
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that a template may not say, and where, as an index into its source."""

    detail: str
    at: int | None


@dataclass(slots=True)
class Reader:
    """Goes through a template that was read.

    Attributes:
        types: of the variables that there are; within a loop of what it goes by, too.
    """

    types: dict[str, ValueType]
    flaws: list[Flaw] = field(default_factory=list[Flaw])

    def steps(self, program: Program) -> int:
        """What it costs to tell it, whatever is told; `flaws` has what it may not say."""
        context = RenderContext(program.template)
        return sum(self._node(node, context) for node in program.template.nodes)

    def _node(self, node: Node, context: RenderContext) -> int:
        here = sum(self._expression(expression) for expression in node.expressions())
        if not isinstance(node, ForNode):
            return 1 + here + self._nodes(node, context)
        name, outer = node.expression.identifier, dict(self.types)
        if name in outer or name == LOOP:
            self._flaw(f"{name!r} is there already; name what the loop goes by otherwise.", node.expression)
        self.types = {**outer, name: ValueType.TEXT, LOOP: ValueType.TEXT}
        within = self._nodes(node, context)
        self.types = outer
        return 1 + here + ENTRIES_MAX * within

    def _nodes(self, node: Node, context: RenderContext) -> int:
        return sum(self._node(child, context) for child in node.children(context))

    def _expression(self, expression: Expression) -> int:
        steps = 1
        match expression:
            case Path():
                self._path(expression)
            case RangeLiteral():
                self._flaw("There are no ranges; a loop goes through a list that is given.", expression)
            case LoopExpression():
                self._loop(expression)
            case FilteredExpression():
                steps += self._filtered(expression)
            case _:
                pass
        return steps + sum(self._expression(child) for child in expression.children())

    def _filtered(self, expression: FilteredExpression) -> int:
        filters = expression.filters or []
        for each in filters:
            if each.name not in FILTERS:
                self.flaws.append(Flaw(_unknown("filter", each.name, FILTERS), each.token.start_index))
        if len(filters) > FILTERS_MAX:
            self._flaw(f"More than {FILTERS_MAX} filters on one value.", expression)
        if not filters and self._type(expression.left) is ValueType.TEXTS:
            self._flaw("A list is told by `for`, or by the filter `join`.", expression)
        return FILTER_STEPS * len(filters)

    def _loop(self, expression: LoopExpression) -> None:
        if self._type(expression.iterable) is not ValueType.TEXTS:
            lists = [name for name, type_ in self.types.items() if type_ is ValueType.TEXTS]
            there = f"of this message: {', '.join(lists)}" if lists else "and this message has none"
            self._flaw(f"A loop goes through a list that is given, {there}.", expression)

    def _type(self, expression: Expression) -> ValueType | None:
        """The type of what is named without any part; None of anything else."""
        if not isinstance(expression, Path) or len(expression.path) != 1:
            return None
        name = expression.path[0]
        return self.types.get(name) if isinstance(name, str) else None

    def _path(self, path: Path) -> None:
        name, *parts = path.path
        if not isinstance(name, str):
            self._flaw("The name of a variable is written out, and not looked up.", path)
            return
        if name not in self.types:
            self._flaw(_unknown("variable", name, self.types), path)
            return
        allowed = LOOP_PARTS if name == LOOP else PARTS[self.types[name]]
        if len(parts) > 1 or any(part not in allowed for part in parts):
            has = f"only {', '.join(allowed)}" if allowed else "no parts"
            self._flaw(f"{name!r} has {has}.", path)

    def _flaw(self, detail: str, expression: Expression) -> None:
        self.flaws.append(Flaw(detail, expression.token.start_index))


def _unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    shown = name[:50]
    near = get_close_matches(shown, known, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_listed(known))}."
    return f"There is no {what} {shown!r}; {meant}"


def _listed(known: Mapping[str, object]) -> Iterator[str]:
    return (name for name in known if name != LOOP)

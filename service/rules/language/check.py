"""A condition against declared facts, before it ever meets any: what cannot work, and what looks wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from service.rules.language import patterns, times
from service.rules.language.faults import Severity, SyntaxFault
from service.rules.language.format import literal_text
from service.rules.language.overloads import FUNCTION_NAMES, FUNCTIONS, OPERATORS, Overload
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
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LIST,
    MAP,
    NULL,
    NUMBERS,
    STRING,
    TIMESTAMP,
    Declarations,
    FactType,
    Type,
    TypeName,
    is_assignable,
    joined,
    list_of,
)
from service.rules.language.values import Refusal, equal
from service.rules.language.walk import path_of, path_text, shortened

FAULTS_MAX = 20
MISTYPED = "mistyped"
_SUGGESTIONS_MAX = 5
_SUGGESTED_LENGTH_MAX = 60
_SUGGESTED_DIFFERENCE_MAX = 4
_VALUES_SHOWN_MAX = 8
_ORDERED = frozenset({BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION})
_LITERAL_TYPES: dict[type, Type] = {bool: BOOL, int: INT, float: DOUBLE, str: STRING, type(None): NULL}
_EQUALITIES = frozenset({BinaryOperator.EQUAL, BinaryOperator.NOT_EQUAL})
_LOGIC = frozenset({BinaryOperator.AND, BinaryOperator.OR})
_ARITHMETIC = frozenset(one.name for one in OPERATORS)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checker knows of an expression.

    Attributes:
        type: of the whole; `dyn` when only run time can tell.
        types: of every node, those within before those around them.
        faults: errors and warnings from left to right, at most `FAULTS_MAX`.
    """

    type: Type
    types: Sequence[Type]
    faults: tuple[SyntaxFault, ...]

    @property
    def errors(self) -> tuple[SyntaxFault, ...]:
        return tuple(one for one in self.faults if one.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[SyntaxFault, ...]:
        return tuple(one for one in self.faults if one.severity is Severity.WARNING)


def check(expression: Expression, declarations: Declarations, *, is_closed: bool = True) -> Checked:
    """The types of `expression`, and its faults.

    Args:
        expression: from `parse`.
        declarations: the facts that there are.
        is_closed: whether a fact that is not declared is a fault; else its type is `dyn`.
    """
    checker = _Checker(declarations, is_closed=is_closed)
    whole = checker.type_of(expression)
    return Checked(whole, checker.types, tuple(sorted(checker.faults, key=_position)))


def check_condition(expression: Expression, declarations: Declarations) -> Checked:
    """As `check`, and the whole has to be a bool."""
    checked = check(expression, declarations)
    if checked.errors or is_assignable(BOOL, checked.type):
        return checked
    remedy = "Compare it with something."
    message = f"A condition is true or false; this one is of type {checked.type}. {remedy}"
    place = expression.place
    found = SyntaxFault(place.line, place.column, message, code=MISTYPED, remedy=remedy)
    return Checked(checked.type, checked.types, (found, *checked.faults))


def _position(one: SyntaxFault) -> tuple[int, int]:
    return one.line, one.column


@dataclass(slots=True)
class _Checker:
    declarations: Declarations
    is_closed: bool = field(kw_only=True)
    types: list[Type] = field(default_factory=list[Type])
    faults: list[SyntaxFault] = field(default_factory=list[SyntaxFault])
    suggestions: int = 0
    variables: dict[str, Type] = field(default_factory=dict[str, Type])

    def refuse(self, place: Place, message: str, remedy: str = "", *, code: str = MISTYPED) -> Type:
        """Note a fault. The type is then `dyn`, so that one mistake is told once."""
        self._note(place, message, remedy, code=code, severity=Severity.ERROR)
        return DYN

    def warn(self, place: Place, message: str, remedy: str = "", *, code: str) -> None:
        self._note(place, message, remedy, code=code, severity=Severity.WARNING)

    def _note(self, place: Place, message: str, remedy: str, *, code: str, severity: Severity) -> None:
        if len(self.faults) < FAULTS_MAX:
            whole = f"{message} {remedy}".rstrip()
            self.faults.append(SyntaxFault(place.line, place.column, whole, severity, code, remedy))

    def suggestion(self, given: str, known: Iterable[str]) -> str:
        self.suggestions += 1
        if self.suggestions > _SUGGESTIONS_MAX or len(given) > _SUGGESTED_LENGTH_MAX:
            return ""
        alike = [one for one in known if abs(len(one) - len(given)) <= _SUGGESTED_DIFFERENCE_MAX]
        near = get_close_matches(given, alike, n=1)
        return f"Did you mean `{near[0]}`?" if near else ""

    def type_of(self, node: Expression) -> Type:
        found = self._simple(node)
        self.types.append(found)
        return found

    def _simple(self, node: Expression) -> Type:
        match node:
            case Literal():
                return _LITERAL_TYPES[type(node.value)]
            case Name() | Select():
                return self._selection(node)
            case Has():
                self.type_of(node.target)
                return BOOL
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case _:
                return self._compound(node)

    def _compound(self, node: Index | ListOf | Call | Conditional | Comprehension) -> Type:
        match node:
            case Index():
                return self._index(node)
            case ListOf():
                return self._list(node)
            case Call():
                return self._call(node)
            case Conditional():
                self._wants_bool(node.condition, "?")
                return joined(self.type_of(node.then), self.type_of(node.otherwise))
            case Comprehension():
                return self._comprehension(node)

    def _comprehension(self, node: Comprehension) -> Type:
        operand = self.type_of(node.operand)
        element = {TypeName.LIST: operand.element or DYN, TypeName.MAP: STRING, TypeName.DYN: DYN}.get(
            operand.name
        )
        if element is None:
            return self.refuse(node.place, f"`{node.macro}` goes through a list or a map; found {operand}.")
        if any(name.partition(".")[0] == node.variable for name in self.declarations):
            message = f"In what follows, `{node.variable}` hides the facts of that name."
            self.warn(node.place, message, "Choose another.", code="hidden-fact")
        hidden, self.variables = self.variables, {**self.variables, node.variable: element}
        if node.macro is Macro.MAP:
            body = self.type_of(node.body)
        else:
            body = BOOL
            self._wants_bool(node.body, node.macro)
        self.variables = hidden
        match node.macro:
            case Macro.MAP:
                return list_of(body)
            case Macro.FILTER:
                return list_of(element)
            case _:
                return BOOL

    def _selection(self, node: Name | Select) -> Type:
        path = path_of(node)
        if path is not None:
            return self._fact(path, node.place)
        if isinstance(node, Name):
            return DYN
        return self._field(self.type_of(node.operand), node.field, "the value", node.place)

    def _fact(self, path: tuple[str, ...], place: Place) -> Type:
        variable = self.variables.get(path[0])
        if variable is not None:
            return self._below(variable, path, 1, place)
        for length in range(len(path), 0, -1):
            declared = self.declarations.get(".".join(path[:length]))
            if declared is not None:
                return self._below(declared.type, path, length, place)
        name = ".".join(path)
        if any(known.startswith(f"{name}.") for known in self.declarations):
            return MAP
        if not self.is_closed:
            return DYN
        remedy = self.suggestion(name, self.declarations)
        return self.refuse(place, f"There is no fact `{path_text(path)}`.", remedy, code="unknown-fact")

    def _below(self, declared: Type, path: tuple[str, ...], length: int, place: Place) -> Type:
        found = declared
        for depth in range(length, len(path)):
            found = self._field(found, path[depth], f"`{path_text(path[:depth])}`", place)
        return found

    def _field(self, of: Type, name: str, what: str, place: Place) -> Type:
        if of.name in {TypeName.MAP, TypeName.DYN}:
            return of.element or DYN
        return self.refuse(place, f"{what} is of type {of} and has no field `{name}`.")

    def _wants_bool(self, node: Expression, symbol: str) -> None:
        found = self.type_of(node)
        if not is_assignable(BOOL, found):
            self.refuse(node.place, f"`{symbol}` wants true or false here, found {found}.")

    def _unary(self, node: Unary) -> Type:
        if node.operator is UnaryOperator.NOT:
            self._wants_bool(node.operand, "!")
            return BOOL
        return self._overloaded("-", [self.type_of(node.operand)], node.place)

    def _binary(self, node: Binary) -> Type:
        operator = node.operator
        if operator in _LOGIC:
            self._wants_bool(node.left, operator)
            self._wants_bool(node.right, operator)
            return BOOL
        left, right = self.type_of(node.left), self.type_of(node.right)
        if operator in _ARITHMETIC:
            return self._overloaded(operator, [left, right], node.place)
        if not _is_comparison(operator, left, right):
            remedy = _remedy(operator, left, right)
            self.refuse(node.place, f"{left} {operator} {right} is never possible.", remedy)
        elif operator in _EQUALITIES:
            self._note_null(node, left, right)
            self._note_value(node.left, node.right)
            self._note_value(node.right, node.left)
        elif operator is BinaryOperator.IN and isinstance(node.right, ListOf):
            for item in node.right.items:
                self._note_value(node.left, item)
        return BOOL

    def _note_null(self, node: Binary, left: Type, right: Type) -> None:
        if (left == NULL) == (right == NULL):
            return
        message = "A fact that is null is absent, never equal to null."
        self.warn(node.place, message, "Ask with `has(…)` or `!has(…)`.", code="null-comparison")

    def _note_value(self, named: Expression, given: Expression) -> None:
        """Warn of a comparison with a value that the fact never takes."""
        declared = self._declared(named)
        if (
            declared is None
            or declared.values is None
            or not isinstance(given, Literal)
            or given.value is None
        ):
            return
        if len(self.faults) >= FAULTS_MAX or any(equal(given.value, value) for value in declared.values):
            return
        texts = [shortened(literal_text(value)) for value in declared.values]
        shown = ", ".join(texts[:_VALUES_SHOWN_MAX]) + (", …" if len(texts) > _VALUES_SHOWN_MAX else "")
        text = shortened(literal_text(given.value))
        message = f"The fact never is {text}; its values are {shown}."
        self.warn(given.place, message, self.suggestion(text, texts), code="value-never-taken")

    def _declared(self, node: Expression) -> FactType | None:
        path = path_of(node)
        if path is None or path[0] in self.variables:
            return None
        return self.declarations.get(".".join(path))

    def _overloaded(self, operator: str, given: list[Type], place: Place) -> Type:
        found = _fitting((one for one in OPERATORS if one.name == operator), given)
        if found and found[0].result == LIST:
            return joined(given[0], given[-1])
        if found:
            return found[0].result if len({one.result for one in found}) == 1 else _result_of(given)
        text = f"{given[0]} {operator} {given[-1]}" if len(given) > 1 else f"{operator}{given[0]}"
        remedy = "Convert one of them with int() or double()." if frozenset(given) == NUMBERS else ""
        return self.refuse(place, f"{text} is not possible.", remedy)

    def _index(self, node: Index) -> Type:
        operand, index = self.type_of(node.operand), self.type_of(node.index)
        wanted = {TypeName.LIST: INT, TypeName.MAP: STRING, TypeName.DYN: DYN}.get(operand.name)
        if wanted is None:
            return self.refuse(
                node.place, f"A value of type {operand} has no items; only lists and maps have."
            )
        if not is_assignable(wanted, index):
            return self.refuse(node.place, f"A {operand.name} is indexed by {wanted}, found {index}.")
        return operand.element or DYN

    def _list(self, node: ListOf) -> Type:
        found = [self.type_of(item) for item in node.items]
        if not found:
            return LIST
        element = found[0]
        for one in found[1:]:
            element = joined(element, one)
        return list_of(element)

    def _call(self, node: Call) -> Type:
        operands = node.arguments if node.target is None else (node.target, *node.arguments)
        given = [self.type_of(operand) for operand in operands]
        if node.function not in FUNCTION_NAMES:
            remedy = self.suggestion(node.function, FUNCTION_NAMES)
            message = f"There is no function `{node.function}`."
            return self.refuse(node.place, message, remedy, code="unknown-function")
        named = [one for one in FUNCTIONS if one.name == node.function]
        of_style = [one for one in named if one.is_member is (node.target is not None)]
        fitting = _fitting(of_style, given)
        if not fitting:
            return self.refuse(
                node.place, f"`{node.function}` is called as {_signatures(of_style or named)}."
            )
        self._refuse_bad_constants(node, operands)
        return fitting[0].result if len({one.result for one in fitting}) == 1 else DYN

    def _refuse_bad_constants(self, node: Call, operands: tuple[Expression, ...]) -> None:
        values = [operand.value for operand in operands if isinstance(operand, Literal)]
        last = values[-1] if values and isinstance(operands[-1], Literal) else None
        message = None
        if node.function == "matches" and isinstance(last, str):
            message = patterns.fault_in(last)
        elif node.function.startswith("get") and isinstance(last, str):
            message = None if times.zone(last) else f"There is no time zone `{shortened(last)}`."
        elif len(values) == len(operands) == 1:
            outcome = _conversion(node.function, _LITERAL_TYPES[type(last)]).run(last)
            message = outcome.message if isinstance(outcome, Refusal) else None
        if message is not None:
            self.refuse(operands[-1].place, message)


def _conversion(name: str, of: Type) -> Overload:
    return next(one for one in FUNCTIONS if one.name == name and one.parameters == (of,))


def _is_comparison(operator: BinaryOperator, left: Type, right: Type) -> bool:
    if operator in _EQUALITIES:
        return _is_comparable(left, right)
    if operator is BinaryOperator.IN:
        if right.name is TypeName.LIST:
            return _is_comparable(left, right.element or DYN)
        return right == DYN or (right.name is TypeName.MAP and is_assignable(STRING, left))
    if {left, right} <= NUMBERS:
        return True
    return is_assignable(left, right) and all(one == DYN or one in _ORDERED for one in (left, right))


def _is_comparable(left: Type, right: Type) -> bool:
    if DYN in {left, right} or {left, right} <= NUMBERS:
        return True
    if NULL in {left, right}:
        return True
    if left.name is not right.name:
        return False
    return left.element is None or right.element is None or _is_comparable(left.element, right.element)


def _remedy(operator: BinaryOperator, left: Type, right: Type) -> str:
    if operator is BinaryOperator.IN and right == STRING:
        return "Write `text.contains(part)` for strings."
    if STRING in {left, right} and {left, right} & {TIMESTAMP, DURATION}:
        (wanted,) = {left, right} & {TIMESTAMP, DURATION}
        return f'Write {wanted}("…") around the string.'
    if STRING in {left, right} and {left, right} & NUMBERS:
        return "Write the number without quotes, or convert with int(), double() or string()."
    return ""


def _fitting(overloads: Iterable[Overload], given: list[Type]) -> list[Overload]:
    return [
        one
        for one in overloads
        if len(one.parameters) == len(given) and all(map(is_assignable, one.parameters, given))
    ]


def _result_of(given: list[Type]) -> Type:
    """What an arithmetic operator gives when more than one of its meanings fits."""
    return DYN if DYN in given else joined(given[0], given[-1])


def _signatures(overloads: Iterable[Overload]) -> str:
    texts: list[str] = []
    for one in overloads:
        names = [str(parameter) for parameter in one.parameters]
        target = f"{names.pop(0)}." if one.is_member else ""
        texts.append(f"`{target}{one.name}({', '.join(names)})`")
    return " or ".join(texts)

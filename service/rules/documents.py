"""A policy's JSON form: read, checked against the declared facts, and turned into rules."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from service import forms
from service.errors import Fault, pointer_to
from service.rules.checks.places import Places
from service.rules.domain import ORDER_DEFAULT, Document, HitPolicy, Kind, Rule, Scope
from service.rules.errors import OutcomeInvalid, PolicyInvalid
from service.rules.language.bind import groups_of
from service.rules.language.check import check_condition
from service.rules.language.declare import declarations_from_json
from service.rules.language.faults import LanguageError, SyntaxFault
from service.rules.language.parse import parse
from service.rules.language.syntax import Expression
from service.rules.language.types import FactType
from service.rules.language.walk import paths
from service.rules.tables import table
from service.rules.tables.table import RANK_MAX, TableForm, TableInvalid
from service.rules.vocabulary import FACTS, OWN_PREFIXES, RequestType

RULES_MAX = 2_000
CONDITION_LENGTH_MAX = 4_096
CONDITIONS_LENGTH_MAX = 131_072
"""Of all conditions together, those of a table's rows included: a quarter of a second's reading."""
BECAUSE_LENGTH_MAX = 500
ORDER_MAX = 1_000
SCOPE_NAMES_MAX = 200
TESTS_MAX = 500
TEST_NAME_LENGTH_MAX = 200
NO_TIME = re.compile(r"/target/(?:seconds|days)\Z")
SAYS_SOMETHING = r"\S"
"""Spaces alone are no reason."""
TOO_LITTLE = "Expected `int` >= 1"
"""How msgspec begins what it says of a number that is below 1."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


def fingerprint(document: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of a document as compact JSON with sorted names."""
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


class RuleForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule as it is written."""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    when: Annotated[str, msgspec.Meta(min_length=1, max_length=CONDITION_LENGTH_MAX)]
    then: dict[str, Any]
    because: Annotated[str, msgspec.Meta(min_length=1, max_length=BECAUSE_LENGTH_MAX, pattern=SAYS_SOMETHING)]
    rank: Annotated[int, msgspec.Meta(ge=0, le=RANK_MAX)] | None = None


class ScopeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a policy is for; what is left out names all. Services and clients go by their names."""

    request_types: Annotated[list[RequestType], msgspec.Meta(max_length=SCOPE_NAMES_MAX)] = []
    services: Annotated[list[str], msgspec.Meta(max_length=SCOPE_NAMES_MAX)] = []
    clients: Annotated[list[str], msgspec.Meta(max_length=SCOPE_NAMES_MAX)] = []


class TestForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must follow from some facts, for the version to be published.

    Attributes:
        facts: as a request would bring them, nested or by their dotted names.
        rules: the ids of the rules that count, in their order; empty when none does.
        outcome: what they say together, where that matters too.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=TEST_NAME_LENGTH_MAX)]
    facts: dict[str, Any]
    rules: list[str]
    outcome: dict[str, Any] | None = None


class DocumentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a policy as it is written.

    The rules are written one by one, or as the rows of a decision table.

    `facts` declares what the policy reads beside the facts that every rule may read, each under
    `request.custom.`, or `client.custom.` for the profile of a client: `{"request.custom.site": "string"}`.

    Of the policies of one kind that are for a request, the one with the lowest `order` is asked first.
    """

    rules: Annotated[list[RuleForm], msgspec.Meta(max_length=RULES_MAX)] = []
    table: TableForm | None = None
    hit_policy: HitPolicy = HitPolicy.FIRST
    facts: dict[str, Any] = {}
    applies_to: ScopeForm = ScopeForm()
    order: Annotated[int, msgspec.Meta(ge=0, le=ORDER_MAX)] = ORDER_DEFAULT
    tests: Annotated[list[TestForm], msgspec.Meta(max_length=TESTS_MAX)] = []


def read(
    document: Mapping[str, Any], kind: Kind, *, own: Mapping[str, Any] = NOTHING, is_kept: bool = False
) -> Document:
    """Read and check a document.

    Args:
        document: as it was written.
        kind: what it decides.
        own: the tenant's own facts, in the form of a document's `facts`. What the document declares by itself
            it reads as it says.
        is_kept: whether it is of a version that was saved already. It may be older than the bound on all
            conditions together, and requests are still decided by it.

    Raises:
        PolicyInvalid: with every fault and its place.
    """
    try:
        form = msgspec.convert(document, DocumentForm)
    except msgspec.ValidationError as error:
        raise PolicyInvalid([forms.fault_of(error)]) from error
    stated = declarations_from_json(form.facts)
    faults = [Fault(f"/facts{fault.pointer}", fault.message) for fault in stated.faults]
    faults += _elsewhere(form) + _repeated(form)
    declared = {**FACTS, **declarations_from_json(own).declarations, **stated.declarations}
    written_rules, place = _written(form, declared, faults)
    rules: list[Rule] = []
    warnings: list[Fault] = []
    if not is_kept:
        _refuse_too_long(written_rules, place)
    for index, written in enumerate(written_rules):
        try:
            rule, doubts = _rule(written, kind, declared, pointer=pointer_to(place, index))
        except PolicyInvalid as refused:
            faults += refused.faults
        else:
            rules.append(rule)
            warnings += doubts
    places = Places(form.table)
    if faults:
        raise PolicyInvalid(list(dict.fromkeys(places.as_written(fault, declared) for fault in faults)))
    return Document(
        hit_policy=form.hit_policy,
        declarations=declared,
        rules=tuple(rules),
        warnings=tuple(places.as_written(fault, declared) for fault in warnings),
        groups=groups_of(declared),
        reads=frozenset(".".join(path) for rule in rules for path in paths(rule.condition)),
        scope=Scope(
            request_types=frozenset(each.value for each in form.applies_to.request_types),
            services=frozenset(form.applies_to.services),
            clients=frozenset(form.applies_to.clients),
        ),
        order=form.order,
    )


def _written(
    form: DocumentForm, declared: Mapping[str, FactType], faults: list[Fault]
) -> tuple[Sequence[RuleForm], str]:
    """The rules, and where they stand in the document."""
    if form.table is None:
        if not form.rules:
            faults.append(Fault("/rules", "A policy needs at least one rule, or a table."))
        return form.rules, "/rules"
    if form.rules:
        faults.append(Fault("/table", "A policy has rules or a table, not both."))
    try:
        rows = msgspec.convert(table.rules_of(form.table, declared), list[RuleForm])
    except TableInvalid as error:
        faults += [replace(fault, pointer=f"/table{fault.pointer}") for fault in error.faults]
        return (), "/table/rows"
    except msgspec.ValidationError as error:
        faults.append(forms.fault_of(error, pointer="/table/rows"))
        return (), "/table/rows"
    return rows, "/table/rows"


def _refuse_too_long(rules: Sequence[RuleForm], place: str) -> None:
    length = sum(len(rule.when) for rule in rules)
    if length > CONDITIONS_LENGTH_MAX:
        message = (
            f"All conditions together have {length:,} characters; at most {CONDITIONS_LENGTH_MAX:,}"
            " are allowed. Divide the policy into several."
        )
        raise PolicyInvalid([Fault(place, message)])


def _elsewhere(form: DocumentForm) -> list[Fault]:
    declarable = " and ".join(OWN_PREFIXES)
    return [
        Fault(pointer_to("/facts", name), f"A policy declares facts under {declarable} only.")
        for name in form.facts
        if not name.startswith(OWN_PREFIXES)
    ]


def _repeated(form: DocumentForm) -> list[Fault]:
    first: dict[str, int] = {}
    return [
        Fault(f"/rules/{index}/id", f"A rule before this one is called {rule.id!r} too.", code="duplicate-id")
        for index, rule in enumerate(form.rules)
        if first.setdefault(rule.id, index) < index
    ]


def _rule(
    written: RuleForm, kind: Kind, declared: Mapping[str, FactType], *, pointer: str
) -> tuple[Rule, list[Fault]]:
    """One rule, parsed and checked, and what is to be warned of. Raises PolicyInvalid."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    condition: Expression | None = None
    try:
        condition = parse(written.when)
        checked = check_condition(condition, declared)
        faults += [_of_condition(fault, pointer) for fault in checked.errors]
        warnings += [_of_condition(fault, pointer) for fault in checked.warnings]
    except LanguageError as error:
        faults += [_of_condition(fault, pointer) for fault in error.faults]
    outcome: object = None
    try:
        outcome = kind.read_outcome(written.then)
        unfit = kind.faults_of(outcome, declared)
        faults += [_of_outcome(fault, pointer_to(pointer, "then")) for fault in unfit]
    except OutcomeInvalid as error:
        faults += [_of_outcome(fault, pointer_to(pointer, "then")) for fault in error.faults]
    if faults or condition is None:
        raise PolicyInvalid(faults)
    rule = Rule(
        id=written.id,
        when=written.when,
        condition=condition,
        outcome=outcome,
        because=written.because,
        rank=written.rank,
    )
    return rule, warnings


def _of_outcome(fault: Fault, pointer: str) -> Fault:
    place = f"{pointer}{fault.pointer}"
    if NO_TIME.search(fault.pointer) and fault.detail.startswith(TOO_LITTLE):
        reason, remedy = "A promise with no time at all is broken when it is made.", "Give it at least 1."
        return Fault(place, f"{reason} {remedy}", code="zero-target", remedy=remedy)
    return replace(fault, pointer=place, code=fault.code or "bad-outcome")


def _of_condition(fault: SyntaxFault, pointer: str) -> Fault:
    place = f"{pointer}/when"
    return Fault(place, fault.message, fault.line, fault.column, code=fault.code, remedy=fault.remedy)

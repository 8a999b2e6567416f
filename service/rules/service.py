"""Use cases of this slice: deciding by the policies in effect, and saying why. `policies` has their life."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.db import TenantSession
from service.ids import PolicyId
from service.rules import deciding, store
from service.rules.deciding import Effective
from service.rules.domain import Decided, Document, Kind, Rule, Saved, VersionRef, Winner
from service.rules.language.bind import bind
from service.rules.language.explain import explain, explanation_json
from service.rules.library import Library
from service.rules.matching import Engine, RuleSet
from service.rules.pointers import Received
from service.rules.records import AnswerRecord
from service.rules.vetting import Vetted

Vet = Callable[[RuleSet], Awaitable[Vetted]]

History = Callable[[frozenset[str]], Awaitable[Mapping[str, object]]]
"""Tells the facts of history that are asked for, by their dotted names, as of the instant of the decision."""


async def no_history(names: frozenset[str]) -> Mapping[str, object]:  # noqa: ARG001 there is none
    return {}


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What deciding needs beside the database. One for each process.

    Attributes:
        vet: tries a rule set where nothing else can be hurt, before it is published; None needs no trial.
    """

    engine: Engine
    kinds: Mapping[str, Kind]
    library: Library
    vet: Vet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWhy:
    """One rule, matched or not, with the values that decided it.

    Attributes:
        place: which of the rules that count it is: 1 is the one that was followed. None if it does not count.
        asked: whether its policy was; one that is for other requests, or comes after an answer, was not.
        explanation: the condition's tree with its values, as `language.explain` gives it.
    """

    kind: str
    ref: VersionRef
    rule: Rule
    place: int | None
    asked: bool
    explanation: Mapping[str, Any]

    @property
    def counts(self) -> bool:
        return self.place is not None


async def decide(
    session: TenantSession,
    rulebook: Rulebook,
    facts: Mapping[str, Any],
    *,
    received: Received,
    now: datetime,
    history: History = no_history,
) -> Decided:
    """What the policies in effect say to these facts. They stay in effect until the transaction ends.

    Args:
        session: of the tenant.
        rulebook: of this process.
        facts: the snapshot, nested, as JSON.
        received: when the request was received: some versions hold for new requests only.
        now: the tenant's now.
        history: tells facts that only some rules read; what they read is in the decision's snapshot then.
    """
    refs = await store.versions_for(session, received, now=now)
    effective = await read_versions(session, rulebook, refs)
    documents = [policy.document for policies in effective.values() for policy in policies]
    told = await history(frozenset[str]().union(*(document.reads for document in documents)))
    return await deciding.decide(
        rulebook.engine, list(rulebook.kinds.values()), effective, deciding.overlaid(facts, told)
    )


async def version_in_effect(
    session: TenantSession, policy_id: PolicyId, *, now: datetime
) -> VersionRef | None:
    """The version of a policy by which new requests are decided; it stays so until the transaction ends."""
    by_kind = await store.versions_for(session, Received(now), now=now)
    return next((ref for refs in by_kind.values() for ref in refs if ref.policy_id == policy_id), None)


async def why(
    session: TenantSession, rulebook: Rulebook, answers: Sequence[AnswerRecord], given: Mapping[str, Any]
) -> list[RuleWhy]:
    """Every rule of the versions that a decision was made by, matched or not, on the facts that it read.

    Args:
        session: of the tenant.
        rulebook: of this process.
        answers: what the decision keeps.
        given: the snapshot that the first policy was asked about.
    """
    effective = await read_versions(session, rulebook, {answer.kind: answer.versions for answer in answers})
    return explained(rulebook.kinds, effective, answers, given)


def explained(
    kinds: Mapping[str, Kind],
    effective: Mapping[str, Sequence[Effective]],
    answers: Sequence[AnswerRecord],
    given: Mapping[str, Any],
) -> list[RuleWhy]:
    """The same for versions that are at hand, by kind; see `why`."""
    facts = given
    found: list[RuleWhy] = []
    for answer in answers:
        kind, winners = kinds[answer.kind], list[Winner]()
        for policy in effective.get(answer.kind, ()):
            found += _explained(answer, policy, facts)
            counted = [rule for rule in policy.document.rules if answer.place_of(policy.ref, rule.id)]
            winners += [Winner(policy.ref, rule) for rule in counted]
            facts = deciding.with_derived(kind, winners, facts) if counted else facts
    return found


def _explained(answer: AnswerRecord, policy: Effective, facts: Mapping[str, Any]) -> list[RuleWhy]:
    bound = bind(facts, policy.document.declarations).facts
    return [
        RuleWhy(
            kind=answer.kind,
            ref=policy.ref,
            rule=rule,
            place=answer.place_of(policy.ref, rule.id),
            asked=any(each.ref == policy.ref for each in answer.consulted),
            explanation=explanation_json(explain(rule.condition, bound)),
        )
        for rule in policy.document.rules
    ]


async def read_versions(
    session: TenantSession, rulebook: Rulebook, refs: Mapping[str, Sequence[VersionRef]]
) -> dict[str, list[Effective]]:
    """The versions of each kind, read; by one statement for all that are not in memory."""
    missing = rulebook.library.missing(session.tenant_id, [ref.version_id for ref in _all(refs)])
    stored = await store.documents(session, missing) if missing else {}
    kinds = {ref.version_id: kind for name, kind in rulebook.kinds.items() for ref in refs.get(name, ())}
    await rulebook.library.prepare(session.tenant_id, stored, kinds)
    return {
        name: [_read(session, rulebook, kind, ref, stored.get(ref.version_id)) for ref in refs.get(name, ())]
        for name, kind in rulebook.kinds.items()
    }


def _all(refs: Mapping[str, Sequence[VersionRef]]) -> Iterable[VersionRef]:
    return (ref for each in refs.values() for ref in each)


def _read(
    session: TenantSession, rulebook: Rulebook, kind: Kind, ref: VersionRef, stored: Saved | None
) -> Effective:
    document = rulebook.library.read(session.tenant_id, ref.version_id, stored, kind)
    return Effective(ref, document, ruleset_of(session, ref, document))


def ruleset_of(session: TenantSession, ref: VersionRef, document: Document) -> RuleSet:
    """The conditions of a version, under the name that engines keep them by."""
    return RuleSet(f"{session.tenant_id}:{ref.version_id}", tuple(rule.condition for rule in document.rules))

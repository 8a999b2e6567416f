"""Versions to be tried: those in effect, with others in their place. Nothing is held, and nothing written."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service import ids
from service.db import TenantSession
from service.ids import PolicyId, PolicyVersionId
from service.rules import documents, examining, pointers, store
from service.rules.deciding import Effective
from service.rules.domain import Document, Kind, Saved, VersionRef
from service.rules.matching import RuleSet
from service.rules.pointers import Received
from service.rules.service import Rulebook

UNSAVED = 0
"""The version of a document that was never saved."""

NEW = UUID(int=0)
"""In the place of the ids of policies that would be created in the order in which they are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One version, as it is tried.

    Attributes:
        name: of its policy.
    """

    kind: str
    name: str
    ref: VersionRef
    document: Document

    @property
    def label(self) -> str:
        """What people call it: `name@version`, or `name@document`."""
        return f"{self.name}@{self.ref.version if self.ref.version != UNSAVED else 'document'}"

    @property
    def effective(self) -> Effective:
        """Under a key of its own: no engine keeps rules for long that are only tried."""
        conditions = tuple(rule.condition for rule in self.document.rules)
        return Effective(self.ref, self.document, RuleSet(f"trial:{self.ref.version_id}", conditions))


async def in_effect(session: TenantSession, rulebook: Rulebook, *, now: datetime) -> list[Trial]:
    """The versions by which a request that is received now is decided, of each kind in their order.

    Nothing is held: what is tried may be of a moment ago, in a transaction that may only read.
    """
    pointed = await store.pointed(session, hold=False)
    refs = [
        (kind, ref)
        for kind, entries in pointed.items()
        for ref in pointers.in_effect(entries, Received(now), now=now)
    ]
    names = await store.names(session, [ref.policy_id for _, ref in refs])
    saved = await store.documents(session, [ref.version_id for _, ref in refs])
    return [
        await _trial(
            session, rulebook, rulebook.kinds[kind], names[ref.policy_id], ref, saved[ref.version_id]
        )
        for kind, ref in refs
    ]


async def stored(session: TenantSession, rulebook: Rulebook, policy_id: PolicyId, version: int) -> Trial:
    """A version that is stored, published or not. Raises PolicyNotFound."""
    policy = await store.get(session, policy_id)
    row = await store.version(session, policy_id, version)
    ref = VersionRef(policy_id=policy_id, version_id=PolicyVersionId(row.id), version=version)
    kind, saved = rulebook.kinds[policy.kind], Saved(row.document, row.declarations)
    return await _trial(session, rulebook, kind, policy.name, ref, saved)


async def written(
    rulebook: Rulebook, kind: str, name: str, saved: Saved, *, instead_of: PolicyId | None
) -> Trial:
    """A document that is not saved, in the place of a policy or beside all others.

    Raises:
        PolicyInvalid: with every fault and its place in the document.
    """
    known = examining.kind_of(rulebook, kind)
    document = await asyncio.to_thread(documents.read, saved.document, known, own=saved.declared)
    content = UUID(hex=documents.fingerprint(saved.document)[:32])
    policy_id = instead_of or PolicyId(ids.derived_id(content, f"{kind}:{name}"))
    version_id = PolicyVersionId(ids.derived_id(policy_id, content.hex))
    ref = VersionRef(policy_id=policy_id, version_id=version_id, version=UNSAVED)
    return Trial(kind=kind, name=name, ref=ref, document=document)


async def saved(session: TenantSession, version_ids: Sequence[UUID]) -> dict[UUID, Saved]:
    """What versions say, as it was written."""
    return await store.documents(session, version_ids)


def with_candidates(trials: Sequence[Trial], candidates: Sequence[Trial]) -> list[Trial]:
    """The versions with others in the place of those of the same policy, each kind in its order.

    A document that stands beside them is asked as its policy would be, once created: after its equals.
    """
    standing = {trial.ref.policy_id for trial in trials}
    tried = {candidate.ref.policy_id for candidate in candidates}
    kept = [trial for trial in trials if trial.ref.policy_id not in tried]

    def place(trial: Trial) -> tuple[int, bool, UUID]:
        is_new = trial.ref.version == UNSAVED and trial.ref.policy_id not in standing
        return trial.document.order, is_new, NEW if is_new else trial.ref.policy_id

    return sorted([*kept, *candidates], key=place)


def by_kind(trials: Sequence[Trial]) -> Mapping[str, list[Effective]]:
    """What `deciding.decide` asks, each kind in the order of `trials`."""
    found: dict[str, list[Effective]] = {}
    for trial in trials:
        found.setdefault(trial.kind, []).append(trial.effective)
    return found


async def _trial(
    session: TenantSession, rulebook: Rulebook, kind: Kind, name: str, ref: VersionRef, saved: Saved
) -> Trial:
    library = rulebook.library
    document = await asyncio.to_thread(library.read, session.tenant_id, ref.version_id, saved, kind)
    return Trial(kind=kind.name, name=name, ref=ref, document=document)

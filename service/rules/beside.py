"""What is found in a policy beside those in effect, and beside the tenant's registers, when it is saved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.db import TenantSession
from service.ids import PolicyId
from service.rules import lint, pointers, service, store
from service.rules.deciding import Effective
from service.rules.domain import Document, Kind, Promised, Reach
from service.rules.findings import Finding
from service.rules.lint import Neighbour, Surroundings
from service.rules.pointers import Received
from service.rules.service import Rulebook
from service.tenants import registers


async def find(
    session: TenantSession,
    rulebook: Rulebook,
    kind: Kind,
    document: Document,
    *,
    policy_id: PolicyId | None,
    now: datetime,
) -> list[Finding]:
    """What is found now; all but the calendars, which are looked at when the policy is published.

    Args:
        session: of the tenant.
        rulebook: of this process.
        kind: of the policy.
        document: as it was read.
        policy_id: None for a policy that is new.
        now: the tenant's now.
    """
    around = await surroundings(session, rulebook, kind, document, policy_id=policy_id, now=now)
    return in_body(lint.find_around({}, document, kind, around))


async def surroundings(
    session: TenantSession,
    rulebook: Rulebook,
    kind: Kind,
    document: Document,
    *,
    policy_id: PolicyId | None,
    now: datetime,
) -> Surroundings:
    """What a policy is beside, but for the calendars; see `find`."""
    return Surroundings(
        calendars=None,
        now=now,
        services=await registers.services(session, document.scope.services),
        clients=await registers.clients(session, document.scope.clients),
        neighbours=await _neighbours(session, rulebook, kind, policy_id, now=now),
    )


async def climbing(session: TenantSession, rulebook: Rulebook, ladder: str, *, now: datetime) -> list[str]:
    """The names of the policies in effect that have this ladder climbed."""
    found = [
        version.ref.policy_id
        for name, versions in (await _in_effect(session, rulebook, now=now)).items()
        for version in versions
        for rule in version.document.rules
        if any(each.ladder == ladder for each in rulebook.kinds[name].climbed_of(rule.outcome))
    ]
    return sorted((await store.names(session, found)).values())


async def promised(session: TenantSession, rulebook: Rulebook, *, now: datetime) -> list[Promised]:
    """What the policies in effect promise, of whatever kind they are."""
    return [
        each
        for name, versions in (await _in_effect(session, rulebook, now=now)).items()
        for version in versions
        for rule in version.document.rules
        for each in rulebook.kinds[name].promised_of(rule.outcome)
    ]


def in_body(found: Sequence[Finding]) -> list[Finding]:
    """Findings of a document, with where they are in a body."""
    return [replace(finding, pointer=f"/document{finding.pointer}") for finding in found]


async def _in_effect(
    session: TenantSession, rulebook: Rulebook, *, now: datetime
) -> dict[str, list[Effective]]:
    """The versions in effect, by kind. Nothing is held."""
    pointed = await store.pointed(session, hold=False)
    refs = {kind: pointers.in_effect(found, Received(now), now=now) for kind, found in pointed.items()}
    return await service.read_versions(session, rulebook, refs)


async def _neighbours(
    session: TenantSession, rulebook: Rulebook, kind: Kind, policy_id: PolicyId | None, *, now: datetime
) -> Sequence[Neighbour]:
    """The other policies of the kind in effect, where one may hide another.

    Nothing is held: whoever publishes wants the pointer for itself afterwards.
    """
    if kind.reach is Reach.ALL:
        return ()
    pointed = (await store.pointed(session, hold=False)).get(kind.name, [])
    refs = pointers.in_effect(pointed, Received(now), now=now)
    others = [ref for ref in refs if ref.policy_id != policy_id]
    names = await store.names(session, [ref.policy_id for ref in others])
    read = await service.read_versions(session, rulebook, {kind.name: others})
    return [
        Neighbour(
            name=names[each.ref.policy_id],
            document=each.document,
            first_of_equals=policy_id is None or each.ref.policy_id < policy_id,
        )
        for each in read[kind.name]
    ]

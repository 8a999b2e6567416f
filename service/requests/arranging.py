"""From a verdict to what is arranged: in concrete terms, laid and told."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from service import ids
from service.calendars import service as calendars
from service.calendars.domain import WorkingTime
from service.db import TenantSession
from service.ids import ArrangementId, RequestId
from service.outbox import service as outbox
from service.rationalization import verdicts
from service.rationalization.arrangements import domain as standing
from service.rationalization.arrangements import redirects, terms
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import Arranged, VerdictKind
from service.rationalization.arrangements.models import Arrangement, RuledBy
from service.rationalization.catalogue import service as catalogue
from service.rationalization.gates import service as gates
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.specials import service as specials
from service.rationalization.specials.domain import Ruling
from service.rationalization.verdicts import (
    Accept,
    Adjust,
    Decline,
    Redirect,
    SpecialMethod,
    Verdict,
)
from service.rationalization.wording.domain import MessageKind
from service.requests import affairs, domain, messaging, renegotiating, store, telling
from service.requests.domain import Decision, Request, State
from service.requests.effects import Occasion

SUPERSEDED = "Another verdict took its place."
REOPENED = "The work goes on."
ENDED: Mapping[State, str] = {
    State.RESOLVED: "The request was resolved before work might start.",
    State.CLOSED: "The request was closed before work might start.",
    State.CANCELLED: "The request was cancelled, or goes on as another.",
}

KINDS: Mapping[type[Verdict], VerdictKind] = {
    Accept: VerdictKind.ACCEPT,
    Adjust: VerdictKind.ADJUST,
    SpecialMethod: VerdictKind.SPECIAL_METHOD,
    Redirect: VerdictKind.REDIRECT,
    Decline: VerdictKind.DECLINE,
}

_MESSAGES: Mapping[VerdictKind, MessageKind] = {
    VerdictKind.ADJUST: MessageKind.ADJUST,
    VerdictKind.SPECIAL_METHOD: MessageKind.SPECIAL_METHOD,
    VerdictKind.REDIRECT: MessageKind.REDIRECT,
    VerdictKind.DECLINE: MessageKind.DECLINE,
}


def arrived(request: Request, decision: Decision) -> Decision:
    """The decision as it is followed: what is where it belongs, or was carried over before, stays here.

    Rules that send a request in circles would never end, and lose it.
    """
    verdict = verdicts.of(decision.verdict)
    if not isinstance(verdict, Redirect) or verdict.channel.type is None:
        return decision
    if verdict.channel.type is not request.type and request.source != domain.CARRIED:
        return decision
    stays = Accept(requires=verdict.requires, review=verdict.review, wording=verdict.wording)
    return domain.with_verdict(decision, verdicts.write(stays))


async def verdict_of(session: TenantSession, request: Request, decision: Decision) -> Verdict:
    """The verdict of a decision, with what the request's own type requires."""
    verdict = verdicts.of(decision.verdict)
    typed = request.of_type
    if typed is None or not typed.gated or isinstance(verdict, Decline | Redirect):
        return verdict
    required = await catalogue.requires(session, typed.version_id)
    gates_too = [gate for gate in required if gate not in verdict.requires]
    return msgspec.structs.replace(verdict, requires=[*verdict.requires, *gates_too])


async def drafted(
    session: TenantSession, request: Request, decision: Decision, verdict: Verdict, occasion: Occasion
) -> Arrangement:
    """What would be arranged on a verdict that something follows from. Nothing is written."""
    arranged, matter = _arranged(verdict, occasion), affairs.matter(request)
    carried = redirects.carried(matter, verdict.channel) if isinstance(verdict, Redirect) else {}
    return Arrangement(
        id=ArrangementId(ids.new_id()),
        request_id=request.id,
        client_id=request.client_id,
        decision_id=decision.id,
        verdict=verdict,
        ruled_by=_ruled_by(decision),
        reason=decision.reason,
        made_at=occasion.now,
        standing=standing.begun(arranged),
        proposal=await _proposal(session, request, verdict, occasion),
        carried=carried,
    )


async def begin(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    decision: Decision,
    draft: Arrangement,
    *,
    carried_to: RequestId | None = None,
) -> tuple[Request, Arrangement]:
    """Write what is arranged, and tell the requester of it."""
    draft = replace(draft, carried_to=carried_to)
    kind = _MESSAGES.get(draft.standing.verdict)
    if kind is None:
        kind = MessageKind.ACCEPT_HELD_UP if draft.standing.gated else MessageKind.ACCEPT_READY
    draft = replace(draft, message=await messaging.compose(session, occasion, request, draft, kind))
    arranged = _arranged(draft.verdict, occasion)
    await arrangements.begin(session, occasion.actor, draft, arranged)
    arrangement = await arrangements.hold(session, draft.id)
    request = replace(request, arrangement_id=draft.id)
    return await tell(session, occasion, request, decision, arrangement), arrangement


async def tell(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    decision: Decision,
    arrangement: Arrangement | None = None,
) -> Request:
    """Tell the requester of a verdict, and keep what is known of the request."""
    draft = telling.rationalized(request, decision, arrangement, at=occasion.now)
    request = replace(request, sequence=draft.sequence)
    await store.save(session, request)
    await outbox.append(session, [draft])
    return request


async def lay_gates(
    session: TenantSession, occasion: Occasion, request: Request, arrangement: Arrangement
) -> None:
    """Ask for what the verdict requires before work starts."""
    if not arrangement.standing.gated:
        return
    matter, requires = affairs.matter(request), arrangement.verdict.requires
    laid = await gates.open_all(session, matter, arrangement.id, requires, now=occasion.now)
    await renegotiating.follow(session, laid, now=occasion.now)


async def propose_special_method(
    session: TenantSession, occasion: Occasion, request: Request, arrangement: Arrangement
) -> None:
    """Enter a deviation from the norm in the register, where the verdict is one."""
    verdict, ruled_by = arrangement.verdict, arrangement.ruled_by
    if not isinstance(verdict, SpecialMethod) or ruled_by is None:
        return
    ruling = Ruling(
        policy_id=ruled_by.policy_id,
        policy_version_id=ruled_by.policy_version_id,
        rule_id=ruled_by.rule_id,
        because=arrangement.reason,
    )
    matter = affairs.matter(request)
    await specials.propose(session, matter, arrangement.id, verdict, ruling, now=occasion.now)


def _arranged(verdict: Verdict, occasion: Occasion) -> Arranged:
    ends_it = isinstance(verdict, Decline | Redirect)
    answer_by = None
    if isinstance(verdict, Adjust):
        answer_by = occasion.now + timedelta(seconds=verdict.answer_within_seconds)
    return Arranged(
        at=occasion.now,
        verdict=KINDS[type(verdict)],
        gated=bool(verdict.requires) and not ends_it,
        answer_by=answer_by,
    )


def _ruled_by(decision: Decision) -> RuledBy | None:
    """The rule whose verdict is followed."""
    said = decision.of(RATIONALIZATION.name)
    if not said.winners:
        return None
    winner = said.winners[0]
    policy_id = next(ref.policy_id for ref in said.versions if ref.version_id == winner.version_id)
    return RuledBy(policy_id, winner.version_id, winner.rule_id)


async def _proposal(
    session: TenantSession, request: Request, verdict: Verdict, occasion: Occasion
) -> dict[str, Any]:
    if not isinstance(verdict, Adjust):
        return {}
    window = verdict.proposal.window
    hours: WorkingTime | None = None
    if window is not None and window.calendar is not None:
        found = await calendars.current_versions(session, (), also=[window.calendar])
        if window.calendar in found:
            hours = await calendars.working_time(session, found[window.calendar])
    return terms.concrete(verdict.proposal, request.facts, hours, occasion.now)

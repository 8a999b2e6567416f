"""Use cases of this slice that only read: a request, its ledger, its decisions, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.commitments import service as commitments
from service.commitments.promises import COMMITMENT
from service.commitments.service import Account
from service.db import TenantSession
from service.ids import ClientId, RequestId
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.kind import RATIONALIZATION
from service.requests import domain, store
from service.requests.domain import Decision, Facts, Place, Request, RequestEvent
from service.rules import service as rules
from service.rules.language.walk import paths
from service.rules.records import AnswerRecord
from service.rules.service import Rulebook, RuleWhy


@dataclass(frozen=True, slots=True)
class Why:
    """Why it was decided so: the rules, and the facts that they were asked about."""

    decision: Decision
    facts: Facts
    rules: list[RuleWhy]


async def get(session: TenantSession, request_id: RequestId, *, client_id: ClientId | None) -> Request:
    return (await store.get(session, request_id, client_id=client_id)).to_domain()


async def list_requests(
    session: TenantSession,
    *,
    client_id: ClientId | None,
    external: tuple[str, str] | None,
    after: UUID | None,
    limit: int,
) -> list[Request]:
    """Requests in the order in which they were accepted; `external` is (source, external id)."""
    rows = await store.listed(session, client_id=client_id, external=external, after=after, limit=limit)
    return [row.to_domain() for row in rows]


async def arrangements_of(
    session: TenantSession, requests: Sequence[Request]
) -> dict[RequestId, Arrangement]:
    """What became of the verdicts on these requests, where anything follows from them."""
    named = {each.id: each.arrangement_id for each in requests if each.arrangement_id is not None}
    found = await arrangements.these(session, named.values())
    return {request_id: found[arrangement_id] for request_id, arrangement_id in named.items()}


async def list_events(
    session: TenantSession,
    request_id: RequestId,
    *,
    client_id: ClientId | None,
    after: Place | None,
    limit: int,
) -> list[RequestEvent]:
    """A part of the request's ledger, in the order in which it counts."""
    await store.get(session, request_id, client_id=client_id)
    ledger = domain.in_order([row.to_domain() for row in await store.events(session, request_id)])
    return [event for event in ledger if after is None or event.order > after][:limit]


async def decisions(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None
) -> list[Decision]:
    """The request's decisions, in the order in which they were made; the last one holds.

    An application of a client organization is not told which rules there are.
    """
    found = await _decisions(session, request_id, client_id=client_id)
    return found if client_id is None else [domain.for_client(decision) for decision in found]


async def timeline(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None, now: datetime
) -> list[Account]:
    """The request's promises, each with how its time was spent; for a client, those that it was made."""
    await store.get(session, request_id, client_id=client_id)
    return await commitments.accounts(session, request_id, client_id=client_id, now=now)


async def why(
    session: TenantSession, rulebook: Rulebook, request_id: RequestId, *, client_id: ClientId | None
) -> Why:
    """The decision that holds, and every rule that was asked, matched or not, with the values.

    An application of a client organization is told the rules that were followed in promising, the one of the
    verdict, and the values that they read.
    """
    decision = (await _decisions(session, request_id, client_id=client_id))[-1]
    answers = [_followed(answer, decision) for answer in decision.answers]
    asked = await rules.why(session, rulebook, answers, decision.given)
    if client_id is None:
        return Why(decision, decision.facts, asked)
    told = [each for each in asked if _is_told(each)]
    read = frozenset(path for each in told for path in paths(each.rule.condition))
    return Why(domain.for_client(decision), domain.facts_for_client(decision, read), told)


def _followed(answer: AnswerRecord, decision: Decision) -> AnswerRecord:
    """The answer without rules that matched, and promise what cannot be kept."""
    is_kept = answer.kind != COMMITMENT.name or decision.rule_id is not None
    return answer if is_kept else replace(answer, winners=())


def _is_told(why: RuleWhy) -> bool:
    """Is its client organization told of this rule?"""
    return (why.kind == COMMITMENT.name and why.counts) or (
        why.kind == RATIONALIZATION.name and why.place == 1
    )


async def _decisions(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None
) -> list[Decision]:
    await store.get(session, request_id, client_id=client_id)
    return [row.to_domain() for row in await store.decisions(session, request_id)]

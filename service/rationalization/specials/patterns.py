"""The same exception again and again: what makes it a pattern, and the improvement that is opened for it."""

from datetime import datetime, timedelta

from service.db import TenantSession
from service.ids import SubjectId
from service.rationalization.improvements import service as improvements
from service.rationalization.improvements.domain import Evidence, Finding, Source
from service.rationalization.specials import domain, store, telling
from service.rationalization.specials.domain import Precedent, Ruling
from service.rationalization.specials.models import SpecialMethod


async def compare(session: TenantSession, special: SpecialMethod, *, now: datetime) -> None:
    """Open an item in the register of improvements, if the same exception is made again and again."""
    pattern, ruling = special.verdict.pattern, special.ruling
    within, approved_at = timedelta(days=pattern.days), special.standing.approved_at
    if approved_at is None:
        return
    known = await store.precedents(session, special, within=within)
    own = Precedent(approved_at, special.id)
    found = domain.pattern_of(known, own, within=within, how_many=pattern.count)
    if found:
        finding = Finding(
            key=f"{telling.SUBJECT_KIND}:{ruling.policy_id}:{ruling.rule_id}:{special.service_id}",
            title=f"Rule {ruling.rule_id!r} allows the same exception again and again",
            source=Source.SPECIAL_METHOD_PATTERN,
            came_from=SubjectId(special.id),
            evidence=tuple(_evidence(each, ruling) for each in found),
        )
        await improvements.open_for(session, finding, now=now)


def _evidence(precedent: Precedent, ruling: Ruling) -> Evidence:
    return Evidence(
        kind=telling.SUBJECT_KIND,
        id=str(precedent.id),
        at=precedent.approved_at,
        what=f"A special method was approved by rule {ruling.rule_id!r}.",
    )

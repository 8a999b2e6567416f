"""How promises would stand, were new terms offered to their request. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.commitments import domain, offers, steps
from service.commitments.domain import LedgerEntry, Retermed, Standing
from service.commitments.models import Commitment
from service.commitments.offers import Offer
from service.commitments.steps import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One promise, without new terms and with them, at the same instant.

    Attributes:
        before: None for what is not promised yet.
        retermed: whether its terms would be others.
    """

    metric: str
    before: Standing | None
    after: Standing
    retermed: bool


def foreseen(
    promises: Sequence[tuple[Commitment, Sequence[LedgerEntry]]], offer: Offer, look: Look
) -> list[Prospect]:
    """Each promise of a request, which comes with its ledger, as `steps` would have it; then new ones."""
    known = offers.promised_by_policies(commitment for commitment, _ in promises)
    past = offers.past_of(ledger for _, ledger in promises)
    return [
        *(_again(commitment, ledger, offer, look) for commitment, ledger in promises),
        *(
            Prospect(
                metric=step.commitment.metric,
                before=None,
                after=domain.standing(step.entries, look.calendars, look.now),
                retermed=True,
            )
            for step in steps.made_late(offer, known, past, look)
        ),
    ]


def _again(commitment: Commitment, ledger: Sequence[LedgerEntry], offer: Offer, look: Look) -> Prospect:
    now = max(look.now, commitment.looked_at)
    step = steps.next_step(commitment, ledger, [], offer, look)
    return Prospect(
        metric=commitment.metric,
        before=domain.standing(ledger, look.calendars, now),
        after=domain.standing([*ledger, *step.entries], look.calendars, now),
        retermed=any(isinstance(entry, Retermed) for entry in step.entries),
    )

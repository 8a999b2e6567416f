"""Reviews of what was done: owed when it is done, put off while work goes on, and held after all."""

from service.db import TenantSession
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.reviews import service as reviews
from service.requests import affairs, arranging, domain, renegotiating
from service.requests.domain import Fate, Request
from service.requests.effects import Occasion


async def owe(session: TenantSession, occasion: Occasion, request: Request, asks: Arrangement) -> None:
    """Have work reviewed that was done, where the verdict asks for that."""
    review = asks.verdict.review
    if review is not None:
        matter = affairs.matter(request)
        owed = await reviews.owe(session, matter, asks.id, review, now=occasion.now)
        await renegotiating.follow(session, owed, now=occasion.now)


async def see_to(session: TenantSession, occasion: Occasion, before: Request, request: Request) -> None:
    """What was done is reviewed, also where its request is cancelled then; not as long as work goes on."""
    match domain.fate(before.state, request.state):
        case Fate.GOES_ON:
            await _reviewed_later(session, occasion, request)
        case Fate.GIVEN_UP:
            await _reviewed_after_all(session, occasion, request)
        case None:
            return


async def _reviewed_later(session: TenantSession, occasion: Occasion, request: Request) -> None:
    """The work goes on: what came of it is not reviewed yet, whoever asked for that."""
    matter = affairs.matter(request)
    withdrawn = await reviews.withdraw(session, matter, because=arranging.REOPENED, now=occasion.now)
    await renegotiating.follow(session, withdrawn, now=occasion.now)


async def _reviewed_after_all(session: TenantSession, occasion: Occasion, request: Request) -> None:
    """The work is given up: what was done of it before it went on is there, and is reviewed."""
    asked_by = await reviews.put_off_by(session, request.id)
    if asked_by is not None:
        asks = await arrangements.get(session, asked_by, client_id=None)
        await owe(session, occasion, request, asks)

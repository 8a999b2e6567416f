"""The page of the requester: what was decided, in its language and its time, and an answer without a log-in.

The link is all that whoever opens it has to show. To look at it changes nothing, so that neither a mail
scanner nor a browser that fetches ahead can answer; the answer is a form, which only the page can send.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.pages import linked
from service.api.pages.log_in import REFUSED_STATUS
from service.api.pages.requester_words import Spoken, Words
from service.api.pages.site import AnyRequest, Form, Site
from service.db import tenant_transaction
from service.limits.errors import OpenObjectionsTooMany
from service.rationalization.arrangements import terms
from service.rationalization.arrangements.domain import State
from service.rationalization.arrangements.errors import ArrangementNotOpen
from service.rationalization.arrangements.telling import objections_of
from service.rationalization.objections.domain import State as ObjectionState
from service.rationalization.objections.errors import ObjectionExists, ObjectionFinal, ObjectionSubjectPast
from service.rationalization.specials.domain import State as SpecialState
from service.rationalization.verdicts import ADDRESS, Redirect
from service.rationalization.wording import links, shipped
from service.rationalization.wording.domain import spoken as instants
from service.rationalization.wording.domain.characters import harmless
from service.rationalization.wording.links import Link
from service.requests import linking
from service.requests.linking import Opened
from service.rules.service import Rulebook

CONFLICT_STATUS = 409
WORDS_CHARACTERS_MAX = 2_000
ACCEPT, OBJECT = "accept", "object"

SETTLED = (ArrangementNotOpen, ObjectionExists, ObjectionFinal, ObjectionSubjectPast)
"""What has come about meanwhile, and leaves nothing to answer."""


class ArrangementPageController(Controller):
    path = "/arrangement"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = linked.HANDLERS

    @get("/{token:str}", operation_id="showDecided")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Show what was decided on a request, and what became of that."""
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(request, wait)
        shown = await _opened(site, links.read(token))
        return await linked.unknown(site, request) if shown is None else _page(site, request, shown)

    @post("/{token:str}", status_code=200, operation_id="answerDecided")
    async def answer(
        self,
        request: AnyRequest,
        site: NamedDependency[Site],
        rulebook: NamedDependency[Rulebook],
        token: FromPath[str],
    ) -> Response[Any]:
        """Take the answer to a counter-proposal, or an objection. The first one counts."""
        form = await site.form(request)
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(request, wait)
        link = links.read(token)
        shown = await _opened(site, link)
        if link is None or shown is None:
            return await linked.unknown(site, request)
        words = linked.spoken(request, shown.contact).words
        if not shown.may_object:
            faults = {"": words.arrangement.no_more}
            return _page(site, request, shown, status=CONFLICT_STATUS, faults=faults)
        faults = _faults(form, shown, words)
        if faults:
            return _page(site, request, shown, status=REFUSED_STATUS, form=form, faults=faults)
        fault = await _answered(site, request, rulebook, link, shown, form)
        after = await _opened(site, link) or shown
        if fault:
            return _page(site, request, after, status=CONFLICT_STATUS, form=form, faults={"": fault})
        own = words.arrangement
        thanks = own.taken if form.get("reply") == ACCEPT else own.raised
        return _page(site, request, after, thanks=thanks)


async def _opened(site: Site, link: Link | None) -> Opened | None:
    if link is None:
        return None
    async with tenant_transaction(site.sessions, link.tenant_id) as session:
        return await linking.opened(session, link)


async def _answered(
    site: Site, request: AnyRequest, rulebook: Rulebook, link: Link, shown: Opened, form: Form
) -> str:
    """Why the answer was not taken; empty when it was."""
    origin, words = site.whence(request), linked.spoken(request, shown.contact).words.arrangement
    actor = replace(shown.actor, address=origin.address, http_request_id=origin.http_request_id)
    try:
        async with tenant_transaction(site.sessions, link.tenant_id) as session:
            if form.get("reply") == ACCEPT:
                await linking.accept(session, rulebook, shown, actor)
            else:
                await linking.object_to(session, rulebook, shown, actor, form.get("why").strip())
    except SETTLED:
        return words.no_more
    except OpenObjectionsTooMany:
        return words.too_many
    return ""


def _faults(form: Form, shown: Opened, words: Words) -> dict[str, str]:
    """What is wrong with what was filled in, by field."""
    reply, why = form.get("reply"), form.get("why").strip()
    if reply not in {ACCEPT, OBJECT} or (reply == ACCEPT and not shown.is_offered):
        return {"reply": words.arrangement.choose}
    if reply == OBJECT and not why:
        return {"why": words.arrangement.say_why}
    if len(why) > WORDS_CHARACTERS_MAX:
        return {"why": words.too_long.format(most=WORDS_CHARACTERS_MAX)}
    return {}


def _page(
    site: Site,
    request: AnyRequest,
    shown: Opened,
    *,
    status: int = 200,
    form: Form | None = None,
    faults: Mapping[str, str] | None = None,
    thanks: str = "",
) -> Response[Any]:
    """What was decided and where that stands; `thanks` if an answer was just taken."""
    found, spoken = shown.arrangement, linked.spoken(request, shown.contact)
    objections = objections_of(found)
    return site.page(
        request,
        "arrangement.html",
        status=status,
        action=request.scope["path"],
        language=spoken.language,
        words=spoken.words,
        tenant_name=shown.tenant_name,
        request_name=harmless(shown.request.title or shown.request.external_id),
        external_id=harmless(shown.request.external_id),
        state=_stands(shown, spoken),
        told=found.message,
        reason=harmless(_reason(shown)),
        offered=_offered(shown, spoken),
        answer_by=_told(found.standing.answer_by, spoken) if shown.is_offered else None,
        channel=_channel(shown),
        objections=(objections.name, _address(objections.url)),
        objection=_objected(shown, spoken),
        is_offered=shown.is_offered,
        may_object=shown.may_object,
        thanks=thanks,
        filled={name: "" if form is None else form.get(name) for name in ("reply", "why")},
        words_max=WORDS_CHARACTERS_MAX,
        faults=faults or {},
    )


def _stands(shown: Opened, spoken: Spoken) -> str:
    """Where it stands. A deviation from the norm is not just accepted: it is examined, and ends."""
    own, special = spoken.words.arrangement, shown.special
    usual = own.states[shown.state]
    if special is None or shown.state not in {State.HELD_UP, State.READY}:
        return usual
    if (shown.state, special.state) == (State.HELD_UP, SpecialState.ALLOWED):
        return usual
    return own.exceptions.get(special.state, usual).format(at=_told(special.standing.ends_at, spoken))


def _reason(shown: Opened) -> str:
    """Why it stands as it does; of what the reader objected to, why that was decided."""
    found = shown.arrangement
    later = None if shown.state is State.OBJECTED else found.standing.because
    return later or found.reason or ""


def _offered(shown: Opened, spoken: Spoken) -> list[tuple[str, str]]:
    """The counter-proposal in the requester's time."""
    proposal, own = shown.arrangement.proposal, spoken.words.arrangement
    window: Mapping[str, str | None] = proposal.get("window") or {}
    said = [
        (own.start, _told(terms.instant(window.get("from")), spoken)),
        (own.end, _told(terms.instant(window.get("to")), spoken)),
        (own.priority, proposal.get("priority")),
        (own.scope, proposal.get("scope")),
        (own.type, shipped.type_in_words(proposal.get("type"), spoken.language)),
    ]
    return [(label, harmless(value)) for label, value in said if value]


def _told(at: datetime | None, spoken: Spoken) -> str | None:
    return None if at is None else instants.moment(at, spoken.manner)


def _channel(shown: Opened) -> tuple[str, str | None] | None:
    """Where it belongs, with what was typed where that channel takes it."""
    verdict = shown.arrangement.verdict
    if not isinstance(verdict, Redirect):
        return None
    return verdict.channel.name, _address(shown.arrangement.carried.get("link") or verdict.channel.url)


def _address(url: str) -> str | None:
    """The address if somebody may be sent there; None of what only programs call."""
    return url if ADDRESS.fullmatch(url) else None


def _objected(shown: Opened, spoken: Spoken) -> list[str]:
    """The objection, and what became of it, with why or until when; nothing where nobody objected."""
    if shown.objection is None:
        return []
    own, standing = spoken.words.arrangement, shown.objection.standing
    match standing.state:
        case ObjectionState.UPHELD:
            said = [own.upheld, standing.reason or ""]
        case ObjectionState.REJECTED:
            said = [own.rejected, standing.reason or ""]
        case _:
            due = instants.moment(standing.due_at, spoken.manner)
            said = [own.raised_before, own.known_by.format(at=due)]
    return [harmless(text) for text in (shown.objection.plea.words, *said) if text]

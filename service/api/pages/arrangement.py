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

from service.api.pages import arrangement_words, failures, linked
from service.api.pages.arrangement_words import Words
from service.api.pages.log_in import REFUSED_STATUS
from service.api.pages.site import AnyRequest, Form, Site
from service.db import tenant_transaction
from service.limits.errors import OpenObjectionsTooMany
from service.rationalization.arrangements import terms
from service.rationalization.arrangements.errors import ArrangementNotOpen
from service.rationalization.arrangements.telling import objections_of
from service.rationalization.objections.domain import State as ObjectionState
from service.rationalization.objections.errors import ObjectionExists, ObjectionFinal, ObjectionSubjectPast
from service.rationalization.verdicts import ADDRESS, Redirect
from service.rationalization.wording import links, saying
from service.rationalization.wording.domain import characters, spoken
from service.rationalization.wording.domain.spoken import Manner
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
    exception_handlers = failures.HANDLERS

    @get("/{token:str}", operation_id="showDecided")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Show what was decided on a request, and what became of that."""
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(site, request, wait)
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
            return linked.throttled(site, request, wait)
        link = links.read(token)
        shown = await _opened(site, link)
        if link is None or shown is None:
            return await linked.unknown(site, request)
        words = _words(shown)
        if not shown.may_object:
            return _page(site, request, shown, status=CONFLICT_STATUS, faults={"": words.no_more})
        faults = _faults(form, shown, words)
        if faults:
            return _page(site, request, shown, status=REFUSED_STATUS, form=form, faults=faults)
        fault = await _answered(site, request, rulebook, link, shown, form)
        after = await _opened(site, link) or shown
        if fault:
            return _page(site, request, after, status=CONFLICT_STATUS, form=form, faults={"": fault})
        thanks = words.taken if form.get("reply") == ACCEPT else words.raised
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
    origin, words = site.whence(request), _words(shown)
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
        return {"reply": words.choose}
    if reply == OBJECT and not why:
        return {"why": words.say_why}
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
    found, words = shown.arrangement, _words(shown)
    language = arrangement_words.spoken(_language(shown)).language
    manner = saying.manner_for(language, shown.contact)
    objections = objections_of(found)
    return site.page(
        request,
        "arrangement.html",
        status=status,
        action=request.scope["path"],
        language=language,
        words=words,
        tenant_name=shown.tenant_name,
        request_name=characters.harmless(shown.request.title or shown.request.external_id),
        external_id=characters.harmless(shown.request.external_id),
        state=words.states[shown.state],
        told=found.message,
        reason=characters.harmless(found.standing.because or found.reason or ""),
        offered=_offered(shown, words, manner),
        answer_by=_answer_by(shown, manner),
        channel=_channel(shown),
        objections=(objections.name, _address(objections.url)),
        objection=_objected(shown, words),
        decided=None
        if shown.objection is None
        else characters.harmless(shown.objection.standing.reason or ""),
        is_offered=shown.is_offered,
        may_object=shown.may_object,
        thanks=thanks,
        filled={name: "" if form is None else form.get(name) for name in ("reply", "why")},
        words_max=WORDS_CHARACTERS_MAX,
        faults=faults or {},
    )


def _language(shown: Opened) -> str | None:
    return None if shown.contact is None else shown.contact.language


def _words(shown: Opened) -> Words:
    return arrangement_words.spoken(_language(shown)).words


def _offered(shown: Opened, words: Words, manner: Manner) -> list[tuple[str, str]]:
    """The counter-proposal in the requester's time."""
    proposal = shown.arrangement.proposal
    window: Mapping[str, str | None] = proposal.get("window") or {}
    said = [
        (words.start, _moment(terms.instant(window.get("from")), manner)),
        (words.end, _moment(terms.instant(window.get("to")), manner)),
        (words.priority, proposal.get("priority")),
        (words.scope, proposal.get("scope")),
        (words.type, proposal.get("type")),
    ]
    return [(label, characters.harmless(value)) for label, value in said if value]


def _answer_by(shown: Opened, manner: Manner) -> str | None:
    return _moment(shown.arrangement.standing.answer_by, manner) if shown.is_offered else None


def _moment(at: datetime | None, manner: Manner) -> str | None:
    return None if at is None else spoken.moment(at, manner)


def _channel(shown: Opened) -> tuple[str, str | None] | None:
    """Where it belongs, with what was typed where that channel takes it."""
    verdict = shown.arrangement.verdict
    if not isinstance(verdict, Redirect):
        return None
    return verdict.channel.name, _address(shown.arrangement.carried.get("link") or verdict.channel.url)


def _address(url: str) -> str | None:
    """The address if somebody may be sent there; None of what only programs call."""
    return url if ADDRESS.fullmatch(url) else None


def _objected(shown: Opened, words: Words) -> str | None:
    if shown.objection is None:
        return None
    match shown.objection.standing.state:
        case ObjectionState.UPHELD:
            return words.upheld
        case ObjectionState.REJECTED:
            return words.rejected
        case _:
            return words.raised_before

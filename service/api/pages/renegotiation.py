"""The page of the requester: what was promised and is offered instead, and an answer without a log-in.

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
from service.api.pages.requester_words import Spoken
from service.api.pages.site import AnyRequest, Form, Site
from service.commitments.errors import CommitmentEnded
from service.commitments.renegotiation import links
from service.commitments.renegotiation.domain import Answered, Reply, State
from service.commitments.renegotiation.errors import RenegotiationEnded, RenegotiationInvalid
from service.commitments.renegotiation.links import Link
from service.db import tenant_transaction
from service.rationalization.wording.domain import spoken as instants
from service.rationalization.wording.domain.characters import harmless
from service.requests import answering
from service.requests.answering import Opened
from service.tenants import service as tenants

GONE_STATUS = 410
COMMENT_CHARACTERS_MAX = 2_000


class RenegotiationPageController(Controller):
    path = "/renegotiation"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = linked.HANDLERS

    @get("/{token:str}", operation_id="showProposal")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Show what is offered instead of a promise, or what became of that."""
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(request, wait)
        shown = await _opened(site, token)
        if shown is None:
            return await linked.unknown(site, request)
        return _page(site, request, shown)

    @post("/{token:str}", status_code=200, operation_id="answerProposal")
    async def answer(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Take the answer. The first one counts."""
        form = await site.form(request)
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(request, wait)
        link = links.read(token)
        shown = None if link is None else await _opened(site, token)
        if link is None or shown is None:
            return await linked.unknown(site, request)
        if not shown.is_open or shown.renegotiation.standing.state is State.COUNTERED:
            return _page(site, request, shown)
        spoken = linked.spoken(request, shown.contact)
        said = _said(form, shown, spoken)
        if not isinstance(said, Answered):
            return _page(site, request, shown, form=form, faults=said)
        try:
            taken = await _answered(site, request, link, shown, said)
        except RenegotiationInvalid:
            faults = {"when": spoken.words.renegotiation.not_past}
            return _page(site, request, shown, form=form, faults=faults)
        after = await _opened(site, token)
        return (
            await linked.unknown(site, request) if after is None else _page(site, request, after, taken=taken)
        )


async def _opened(site: Site, token: str) -> Opened | None:
    link = links.read(token)
    if link is None:
        return None
    async with tenant_transaction(site.sessions, link.tenant_id) as session:
        return await answering.opened(session, link)


async def _answered(site: Site, request: AnyRequest, link: Link, shown: Opened, said: Answered) -> bool:
    """Whether the answer was taken; none is of what has ended meanwhile. Raises RenegotiationInvalid."""
    origin = site.whence(request)
    actor = replace(shown.actor, address=origin.address, http_request_id=origin.http_request_id)
    try:
        async with tenant_transaction(site.sessions, link.tenant_id) as session:
            now = await tenants.now(session)
            await answering.answer(session, shown, actor, replace(said, at=now))
    except (RenegotiationEnded, CommitmentEnded):
        return False
    return True


def _said(form: Form, shown: Opened, spoken: Spoken) -> Answered | dict[str, str]:
    """The answer that was filled in, or what is wrong with it, by field."""
    at, comment = shown.renegotiation.standing.since, form.get("comment").strip()
    own = spoken.words.renegotiation
    if len(comment) > COMMENT_CHARACTERS_MAX:
        return {"comment": spoken.words.too_long.format(most=COMMENT_CHARACTERS_MAX)}
    match form.get("reply"):
        case Reply.UNDERSTOOD.value:
            return Answered(at=at, reply=Reply.UNDERSTOOD, comment=comment)
        case Reply.DECLINED.value:
            return Answered(at=at, reply=Reply.DECLINED, comment=comment)
        case Reply.COUNTER.value:
            due_at = instants.written(form.get("when"), spoken.manner)
            if due_at is None:
                return {"when": own.say_when}
            return Answered(at=at, reply=Reply.COUNTER, due_at=due_at, comment=comment)
        case _:
            return {"reply": own.choose}


def _page(
    site: Site,
    request: AnyRequest,
    shown: Opened,
    *,
    form: Form | None = None,
    faults: Mapping[str, str] | None = None,
    taken: bool = False,
) -> Response[Any]:
    """What is offered, or what became of it; `taken` if that is by the answer that was just sent."""
    found, spoken = shown.renegotiation, linked.spoken(request, shown.contact)
    proposed, standing, own = found.proposed, found.standing, spoken.words.renegotiation
    is_waiting = standing.state is State.WAITING
    return site.page(
        request,
        "renegotiation.html" if is_waiting else "renegotiation_over.html",
        status=REFUSED_STATUS if faults else 200 if is_waiting or taken else GONE_STATUS,
        taken=taken,
        action=request.scope["path"],
        language=spoken.language,
        words=spoken.words,
        title=own.title.format(tenant=shown.tenant_name),
        tenant_name=shown.tenant_name,
        request_name=harmless(shown.request.title or shown.request.external_id),
        external_id=harmless(shown.request.external_id),
        what=harmless(shown.commitment.made.what or own.deeds.get(found.metric, own.deed)),
        reason=harmless(proposed.reason),
        tried=harmless(proposed.tried),
        remedies=[(own.remedies[remedy.kind], harmless(remedy.description)) for remedy in proposed.remedies],
        original_due=_told(proposed.original_due_at, spoken),
        proposed_due=_told(proposed.due_at, spoken),
        due=_told(standing.due_at, spoken),
        answer_by=_told(proposed.answer_by, spoken),
        when_hint=own.when_hint.format(zone=spoken.manner.zone_name),
        counts_as_yes=proposed.silence.value == State.UNDERSTOOD.value,
        end=[*([own.silent] if standing.by_silence else []), own.ends.get(standing.state, "")],
        write_to=own.write_to.format(tenant=shown.tenant_name),
        comment_max=COMMENT_CHARACTERS_MAX,
        filled={name: "" if form is None else form.get(name) for name in ("reply", "when", "comment")},
        faults=faults or {},
    )


def _told(at: datetime | None, spoken: Spoken) -> str | None:
    return None if at is None else instants.moment(at, spoken.manner)

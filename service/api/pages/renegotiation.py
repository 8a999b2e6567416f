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

from service.api.pages import failures, linked
from service.api.pages.log_in import REFUSED_STATUS
from service.api.pages.site import AnyRequest, Form, Site
from service.commitments.domain import DELIVER, RESOLVE, RESPOND, UPDATE, VISIT
from service.commitments.errors import CommitmentEnded
from service.commitments.renegotiation import links
from service.commitments.renegotiation.domain import Answered, RemedyKind, Reply, State
from service.commitments.renegotiation.errors import RenegotiationEnded, RenegotiationInvalid
from service.commitments.renegotiation.links import Link
from service.db import tenant_transaction
from service.rationalization.wording.domain import spoken
from service.rationalization.wording.domain.spoken import Manner
from service.requests import answering
from service.requests.answering import Opened
from service.tenants import service as tenants

GONE_STATUS = 410
COMMENT_CHARACTERS_MAX = 2_000

REMEDIES: Mapping[RemedyKind, str] = {
    RemedyKind.INTERIM_SERVICE: "In the meantime",
    RemedyKind.PART_DELIVERY: "A part of it sooner",
    RemedyKind.WORKAROUND: "A way around it",
    RemedyKind.PRIORITY_HELP: "Help before others",
    RemedyKind.COMPENSATION: "Compensation",
}
DEEDS: Mapping[str, str] = {
    RESPOND: "An answer",
    UPDATE: "A report on how it goes",
    RESOLVE: "A solution",
    DELIVER: "A delivery",
    VISIT: "A visit",
}
"""What is promised, where nobody said it in words."""
ENDS: Mapping[State, str] = {
    State.COUNTERED: "You asked for another time. You will be told whether that can be promised.",
    State.UNDERSTOOD: "It is agreed: what is offered is promised to you now, beside the first promise.",
    State.DECLINED: "What was offered was not agreed on. Somebody responsible is told of it.",
    State.WITHDRAWN: "The offer was taken back, or is not needed any more.",
}
SILENCE = "No answer came in time, and that counts as an answer too."


class RenegotiationPageController(Controller):
    path = "/renegotiation"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/{token:str}", operation_id="showProposal")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Show what is offered instead of a promise, or what became of that."""
        wait = await linked.waits(site, request)
        if wait:
            return linked.throttled(site, request, wait)
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
            return linked.throttled(site, request, wait)
        link = links.read(token)
        shown = None if link is None else await _opened(site, token)
        if link is None or shown is None:
            return await linked.unknown(site, request)
        if not shown.is_open or shown.renegotiation.standing.state is State.COUNTERED:
            return _page(site, request, shown)
        said = _said(form, shown)
        if not isinstance(said, Answered):
            return _page(site, request, shown, form=form, faults=said)
        try:
            taken = await _answered(site, request, link, shown, said)
        except RenegotiationInvalid as error:
            faults = {"when": error.faults[0].detail}
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


def _said(form: Form, shown: Opened) -> Answered | dict[str, str]:
    """The answer that was filled in, or what is wrong with it, by field."""
    at, comment = shown.renegotiation.standing.since, form.get("comment").strip()
    if len(comment) > COMMENT_CHARACTERS_MAX:
        return {"comment": f"Write at most {COMMENT_CHARACTERS_MAX} characters."}
    match form.get("reply"):
        case Reply.UNDERSTOOD.value:
            return Answered(at=at, reply=Reply.UNDERSTOOD, comment=comment)
        case Reply.DECLINED.value:
            return Answered(at=at, reply=Reply.DECLINED, comment=comment)
        case Reply.COUNTER.value:
            due_at = spoken.written(form.get("when"), Manner.of(shown.contact))
            if due_at is None:
                return {"when": "Say by when you need it, with date and time."}
            return Answered(at=at, reply=Reply.COUNTER, due_at=due_at, comment=comment)
        case _:
            return {"reply": "Choose one of the three answers."}


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
    found, manner = shown.renegotiation, Manner.of(shown.contact)
    proposed, standing = found.proposed, found.standing
    is_waiting = standing.state is State.WAITING
    return site.page(
        request,
        "renegotiation.html" if is_waiting else "renegotiation_over.html",
        status=REFUSED_STATUS if faults else 200 if is_waiting or taken else GONE_STATUS,
        taken=taken,
        action=request.scope["path"],
        tenant_name=shown.tenant_name,
        request_name=shown.request.title or shown.request.external_id,
        external_id=shown.request.external_id,
        what=shown.commitment.made.what or DEEDS.get(found.metric, found.metric),
        reason=proposed.reason,
        tried=proposed.tried,
        remedies=[(REMEDIES[remedy.kind], remedy.description) for remedy in proposed.remedies],
        original_due=_told(proposed.original_due_at, manner),
        proposed_due=_told(proposed.due_at, manner),
        due=_told(standing.due_at, manner),
        answer_by=_told(proposed.answer_by, manner),
        zone=manner.zone_name,
        language=manner.language,
        counts_as_yes=proposed.silence.value == State.UNDERSTOOD.value,
        end=ENDS.get(standing.state, ""),
        silence=SILENCE if standing.by_silence else "",
        filled={name: "" if form is None else form.get(name) for name in ("reply", "when", "comment")},
        faults=faults or {},
    )


def _told(at: datetime | None, manner: Manner) -> str | None:
    return None if at is None else spoken.moment(at, manner)

"""HTTP for what takes effect, and for policies as sheets: parse, call one use case, render."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import policy_views
from service.api.conditional import Precondition
from service.api.errors import BodyMalformed, BodyMediaTypeUnsupported
from service.api.idempotency import Once
from service.api.policies import held_as_read, taken
from service.api.policy_views import PolicyView, PublishPolicy, RetirePolicy, RevertPolicy, SavedPolicyView
from service.api.steps import Step, step
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.db import TenantSession
from service.escalations.ladders import examining
from service.ids import PolicyId
from service.requests import registers
from service.rules import policies, publishing
from service.rules.checks.ladders import Ladder
from service.rules.checks.surroundings import Hours
from service.rules.examining import Means
from service.rules.findings import Finding
from service.rules.lifecycle import Policy
from service.rules.publishing import Publication
from service.rules.service import Rulebook

CSV = "text/csv"


class PublishingController(Controller):
    path = "/v1/policies"
    tags = ("Policies",)
    dependencies = {"step": step}  # noqa: RUF012 - Litestar reads a plain class attribute

    @post("/{policy_id:uuid}/publish", status_code=200, operation_id="publishPolicy")
    async def publish(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        policy_id: FromPath[PolicyId],
        data: JSONBody[PublishPolicy | None] = None,
    ) -> Response[SavedPolicyView]:
        """Put an approved version into effect, now or from an instant on.

        Promises made before keep the version they were made by.
        """
        asked = data or PublishPolicy()
        publication = Publication(
            version=asked.version, effective_at=asked.effective_at, running=asked.running
        )

        async def effect() -> Response[SavedPolicyView]:
            means = _means(session, rulebook, now=now)
            return _saved(*await publishing.publish(session, means, actor, policy_id, publication, now=now))

        return await once(effect, status_code=200)

    @post("/{policy_id:uuid}/unschedule", status_code=200, operation_id="unschedulePolicy")
    async def unschedule(
        self,
        step: NamedDependency[Step],
        policy_id: FromPath[PolicyId],
    ) -> Response[PolicyView]:
        """Let the version that waits for its instant not take effect. It stays approved."""
        return await taken(step, policy_id, publishing.unschedule, now=step.now)

    @post("/{policy_id:uuid}/retire", status_code=200, operation_id="retirePolicy")
    async def retire(
        self,
        step: NamedDependency[Step],
        policy_id: FromPath[PolicyId],
        data: JSONBody[RetirePolicy | None] = None,
    ) -> Response[PolicyView]:
        """Take a policy out of effect. Promises made by it stay."""
        asked = data or RetirePolicy()
        return await taken(step, policy_id, publishing.retire, note=asked.note, now=step.now)

    @post("/{policy_id:uuid}/revert", status_code=200, operation_id="revertPolicy")
    async def revert(
        self,
        step: NamedDependency[Step],
        rulebook: NamedDependency[Rulebook],
        policy_id: FromPath[PolicyId],
        data: JSONBody[RevertPolicy],
    ) -> Response[SavedPolicyView]:
        """Publish what an earlier version said as a new version, at once. Nobody has to approve it again."""

        async def effect() -> Response[SavedPolicyView]:
            await held_as_read(step.session, policy_id, step.precondition)
            means = _means(step.session, rulebook, now=step.now)
            return _saved(
                *await publishing.revert(
                    step.session, means, step.actor, policy_id, version=data.to_version, now=step.now
                )
            )

        return await step.once(effect, status_code=200)

    @get(
        "/{policy_id:uuid}/versions/{version:int}/table.csv",
        operation_id="getPolicyTable",
        media_type=CSV,
    )
    async def get_table(
        self,
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
        version: FromPath[int],
    ) -> Response[str]:
        """Show the decision table of a version as a sheet (CSV)."""
        sheet = await policies.get_sheet(session, policy_id, version)
        return Response(
            sheet,
            media_type=CSV,
            headers={"Content-Disposition": f'attachment; filename="policy-{policy_id}-{version}.csv"'},
        )

    @put("/{policy_id:uuid}/table.csv", operation_id="revisePolicyTable")
    async def revise_table(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        policy_id: FromPath[PolicyId],
    ) -> Response[SavedPolicyView]:
        """Add a version whose table is this sheet (CSV), and that says all else as the newest does."""
        sheet = await _sheet(request)
        held = await held_as_read(session, policy_id, precondition)
        document = await policies.with_sheet(session, held, sheet)
        return _saved(*await policies.revise(session, rulebook, actor, held, document=document, now=now))


def _saved(policy: Policy, findings: Sequence[Finding]) -> Response[SavedPolicyView]:
    view = SavedPolicyView.with_findings(policy, findings)
    return Response(view, headers={"ETag": policy_views.tag(policy)})


async def _sheet(request: Request[Any, Any, Any]) -> str:
    """The body as text. Raises BodyMediaTypeUnsupported, BodyMalformed."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != CSV or request.headers.get("content-encoding", "identity") != "identity":
        raise BodyMediaTypeUnsupported(f"{CSV}, without a content coding")
    body = await request.body()
    if b"\0" in body:
        raise BodyMalformed("The sheet holds a NUL character.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BodyMalformed(f"The sheet is not UTF-8 at byte {error.start}.") from error


def _means(session: TenantSession, rulebook: Rulebook, *, now: datetime) -> Means:
    async def ready(names: Collection[str]) -> Mapping[str, Hours]:
        known = set(names) & await calendars.names(session)
        versions = await calendars.current_versions(session, known)
        return {name: await calendars.working_time(session, version) for name, version in versions.items()}

    async def climbable(names: Collection[str]) -> Mapping[str, Ladder]:
        return await examining.known(session, names, now=now)

    return Means(rulebook, ready, climbable, partial(registers.there, session))

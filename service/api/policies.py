"""HTTP for policies and single conditions: parse, call one use case, render. See also `publishing`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional, policy_views
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.policy_views import (
    ApprovePolicy,
    CreatePolicy,
    DifferencesView,
    PolicyVersionLifeView,
    PolicyVersionView,
    PolicyView,
    ReturnPolicy,
    RevisePolicy,
    SavedPolicyView,
    SubmitPolicy,
    TestedPolicyView,
    TestPolicy,
    TestResultView,
)
from service.api.steps import Step, step
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import PolicyId
from service.rules import policies, reviewing
from service.rules.language.trial import evaluate_expression
from service.rules.lifecycle import Policy, Stage
from service.rules.policies import PolicyDraft
from service.rules.service import Rulebook
from service.rules.store import Sought

P = ParamSpec("P")


class EvaluateCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An expression and the facts it reads; without declarations their types are those of their JSON."""

    expression: str
    facts: dict[str, Any] = {}
    declarations: dict[str, Any] | None = None


class PolicyController(Controller):
    path = "/v1/policies"
    tags = ("Policies",)
    dependencies = {"step": step}  # noqa: RUF012 - Litestar reads a plain class attribute

    @post("/", operation_id="createPolicy")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreatePolicy],
    ) -> Response[SavedPolicyView]:
        """Create a policy. Nothing is decided by it before it is published."""

        async def effect() -> Response[SavedPolicyView]:
            draft = PolicyDraft(name=data.name, kind=data.kind, document=data.document)
            policy, findings = await policies.create(session, rulebook, actor, draft, now=now)
            view, address = SavedPolicyView.with_findings(policy, findings), f"/v1/policies/{policy.id}"
            return conditional.created(view, tag=policy_views.tag(policy), address=address)

        return await once(effect)

    @get("/", operation_id="listPolicies")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        kind: Annotated[str | None, QueryParameter(description="Only policies of this kind.")] = None,
        stage: Annotated[
            Stage | None, QueryParameter(description="Only policies whose newest version is there.")
        ] = None,
    ) -> Response[Page[PolicyView]]:
        """List the policies, oldest first."""
        sought = Sought(kind=kind, stage=stage)
        found = await policies.list_all(session, sought, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda policy: policy.id, view=PolicyView.of)

    @get("/{policy_id:uuid}", operation_id="getPolicy")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
    ) -> Response[PolicyView]:
        """Show one policy."""
        policy = await policies.get(session, policy_id)
        return conditional.respond(request, PolicyView.of(policy), tag=policy_views.tag(policy))

    @put("/{policy_id:uuid}", operation_id="revisePolicy")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        policy_id: FromPath[PolicyId],
        data: JSONBody[RevisePolicy],
    ) -> Response[SavedPolicyView]:
        """Add a version. The version in effect stays in effect until the new one is published."""
        held = await held_as_read(session, policy_id, precondition)
        policy, findings = await policies.revise(
            session, rulebook, actor, held, document=data.document, now=now
        )
        view = SavedPolicyView.with_findings(policy, findings)
        return Response(view, headers={"ETag": policy_views.tag(policy)})

    @get("/{policy_id:uuid}/versions", operation_id="listPolicyVersions")
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        policy_id: FromPath[PolicyId],
    ) -> Response[Page[PolicyVersionLifeView]]:
        """List the versions of a policy with what happened to each, newest first."""
        found = await policies.list_versions(
            session, policy_id, before=paging.after(int), limit=paging.sought
        )
        return paging.page(
            found,
            position=lambda version: version.version,
            view=lambda version: PolicyVersionLifeView.of(policy_id, version),
        )

    @get(
        "/{policy_id:uuid}/versions/{version:int}",
        operation_id="getPolicyVersion",
    )
    async def get_version(
        self,
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
        version: FromPath[int],
    ) -> PolicyVersionView:
        """Show one version. Its document never changes."""
        document = await policies.get_document(session, policy_id, version)
        found = await policies.get_version(session, policy_id, version)
        return PolicyVersionView.with_document(policy_id, found, document)

    @get("/{policy_id:uuid}/differences", operation_id="comparePolicyVersions")
    async def compare(
        self,
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
        of: Annotated[
            int | None,
            QueryParameter(name="from", description="The version before; the one in effect if left out."),
        ] = None,
        to: Annotated[
            int | None, QueryParameter(description="The version after; the newest if left out.")
        ] = None,
    ) -> DifferencesView:
        """Show what differs between two versions, by rule and cell."""
        return DifferencesView(*await policies.differences(session, policy_id, of=of, to=to))

    @post("/{policy_id:uuid}/test", status_code=200, operation_id="testPolicy")
    async def test(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        policy_id: FromPath[PolicyId],
        data: JSONBody[TestPolicy | None] = None,
    ) -> TestedPolicyView:
        """Run the tests that are stored with a version. Nothing is changed by it."""
        asked = data or TestPolicy()
        number, results = await policies.run_tests(session, rulebook, policy_id, version=asked.version)
        passed = all(result.passed for result in results)
        return TestedPolicyView(number, passed, list(map(TestResultView.of, results)))

    @post("/{policy_id:uuid}/submit", status_code=200, operation_id="submitPolicy")
    async def submit(
        self,
        step: NamedDependency[Step],
        policy_id: FromPath[PolicyId],
        data: JSONBody[SubmitPolicy | None] = None,
    ) -> Response[PolicyView]:
        """Ask for a review of a draft."""
        asked = data or SubmitPolicy()
        return await taken(
            step, policy_id, reviewing.submit, version=asked.version, note=asked.note, now=step.now
        )

    @post("/{policy_id:uuid}/approve", status_code=200, operation_id="approvePolicy")
    async def approve(
        self,
        step: NamedDependency[Step],
        policy_id: FromPath[PolicyId],
        data: JSONBody[ApprovePolicy],
    ) -> Response[PolicyView]:
        """Let a version be published. Takes a member who neither wrote nor submitted it."""
        return await taken(
            step, policy_id, reviewing.approve, version=data.version, note=data.note, now=step.now
        )

    @post("/{policy_id:uuid}/return", status_code=200, operation_id="returnPolicy")
    async def give_back(
        self,
        step: NamedDependency[Step],
        policy_id: FromPath[PolicyId],
        data: JSONBody[ReturnPolicy],
    ) -> Response[PolicyView]:
        """Send a version back to be mended. Takes a member who neither wrote nor submitted it."""
        return await taken(
            step, policy_id, reviewing.give_back, version=data.version, note=data.note, now=step.now
        )


class RuleController(Controller):
    path = "/v1/rules"
    tags = ("Policies",)

    @post("/evaluate", status_code=200, operation_id="evaluateCondition")
    async def evaluate(self, data: JSONBody[EvaluateCondition]) -> dict[str, Any]:
        """Evaluate one expression on facts: its value or error, and why."""
        return evaluate_expression(data.expression, data.facts, data.declarations)


async def held_as_read(session: TenantSession, policy_id: PolicyId, precondition: Precondition) -> Policy:
    """The policy, locked, if it is as the caller has read it. Raises PolicyNotFound, VersionStale."""
    held = await policies.get(session, policy_id, lock=True)
    precondition.check(policy_views.tag(held))
    return held


async def taken(
    step: Step,
    policy_id: PolicyId,
    take: Callable[Concatenate[TenantSession, Actor, PolicyId, P], Awaitable[Policy]],
    *args: P.args,
    **said: P.kwargs,
) -> Response[PolicyView]:
    """Take a step in the life of a policy, and show how it stands then."""

    async def effect() -> Response[PolicyView]:
        await held_as_read(step.session, policy_id, step.precondition)
        policy = await take(step.session, step.actor, policy_id, *args, **said)
        return Response(PolicyView.of(policy), headers={"ETag": policy_views.tag(policy)})

    return await step.once(effect, status_code=200)

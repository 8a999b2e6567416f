from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import ApplicationId, ClientId, TenantId, new_id
from service.names import faults_of_name
from service.tenants import domain
from service.tenants.domain import SCOPES, Application, AuthMethod
from tests.factories import NOON


@pytest.mark.parametrize(
    ("slug", "fine"),
    [
        ("acme", True),
        ("a-1", True),
        ("a" * 40, True),
        ("a" * 41, False),
        ("ab", False),
        ("1acme", False),
        ("acme-", False),
        ("Acme", False),
        ("acme.eu", False),
        ("acme\n", False),
        ("äcme", False),
        ("", False),
    ],
)
def test_a_slug_is_short_and_plain(slug: str, *, fine: bool) -> None:
    assert (domain.faults_of_slug(slug) == []) is fine


@pytest.mark.parametrize(
    ("name", "fine"),
    [("Acme", True), ("Zürich 7", True), (" ", False), ("", False), ("a\nb", False), ("x" * 201, False)],
)
def test_a_name_is_there_printable_and_not_too_long(name: str, *, fine: bool) -> None:
    assert (faults_of_name(name) == []) is fine


def test_an_unknown_scope_is_pointed_at() -> None:
    faults = domain.faults_of_scopes(["tenant:read", "tenant:own"], client_id=None)

    assert [fault.pointer for fault in faults] == ["/scopes/1"]
    assert domain.faults_of_scopes(list(SCOPES), client_id=None) == []


def test_a_client_organization_gets_no_scope_over_what_others_share() -> None:
    refused = {scope for scope in SCOPES if domain.faults_of_scopes([scope], client_id=ClientId(UUID(int=1)))}

    assert refused == {
        "accidents:read",
        "accidents:write",
        "alarms:read",
        "applications:read",
        "applications:write",
        "approvals:answer",
        "arrangements:write",
        "audit:read",
        "backtests:read",
        "backtests:write",
        "calendars:write",
        "catalogue:approve",
        "catalogue:write",
        "clients:read",
        "clients:write",
        "commitments:write",
        "escalations:read",
        "escalations:write",
        "facts:read",
        "facts:write",
        "groups:read",
        "groups:write",
        "improvements:read",
        "improvements:write",
        "ladders:read",
        "ladders:write",
        "major_incidents:write",
        "members:read",
        "members:write",
        "objections:decide",
        "policies:approve",
        "policies:read",
        "policies:write",
        "rotas:read",
        "rotas:write",
        "sandbox:write",
        "services:write",
        "tenant:write",
    }


@given(secret=st.text(), other=st.text())
def test_an_application_knows_its_secret_and_no_other(secret: str, other: str) -> None:
    application = _application(secret_sha256=domain.secret_digest(secret))

    assert application.knows(secret, NOON)
    assert application.knows(other, NOON) is (secret == other)


@pytest.mark.parametrize(("at", "counts"), [(-1, True), (0, False), (1, False)])
def test_a_secret_that_was_replaced_counts_until_its_time_is_over(at: int, *, counts: bool) -> None:
    application = _application(
        secret_sha256=domain.secret_digest("new"),
        previous_secret_sha256=domain.secret_digest("old"),
        previous_secret_until=NOON,
    )

    assert application.knows("old", NOON + timedelta(seconds=at)) is counts
    assert application.knows("new", NOON + timedelta(seconds=at))


@given(secret=st.text())
def test_an_application_without_a_secret_knows_none(secret: str) -> None:
    assert not _application(auth_method=AuthMethod.NONE).knows(secret, NOON)


def _application(**given: Any) -> Application:
    return Application(
        tenant_id=TenantId(new_id()),
        id=ApplicationId(new_id()),
        name="Service desk",
        client_id=None,
        scopes=frozenset(),
        created_at=NOON,
        **given,
    )


def test_a_client_id_carries_its_tenant() -> None:
    application_id = ApplicationId(new_id())

    assert domain.oauth_client_id("acme", application_id) == f"acme.{application_id.hex}"

"""Whom a step tells, of the targets that it names."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.escalations.ladders import domain
from service.escalations.ladders.domain import (
    Channel,
    Client,
    Directory,
    Endpoint,
    Group,
    Member,
    Moment,
    Reassign,
    Reassignment,
    Resolution,
    Situation,
    SkipCause,
    Target,
    ToContact,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToSkill,
    ToWebhook,
    Who,
    Whom,
)
from service.ids import ClientId, ContactId, EndpointId, MemberId

ADA, BEN, CLEO, GONE = (MemberId(UUID(int=number)) for number in range(1, 5))
HOOK, DISABLED = EndpointId(UUID(int=11)), EndpointId(UUID(int=12))
ACME, CONTACT = ClientId(UUID(int=21)), ContactId(UUID(int=22))

PEOPLE = {
    ADA: Member(ADA, "Ada Harbour", "ada@harbour.test"),
    BEN: Member(BEN, "Ben Quay", "ben@harbour.test"),
    CLEO: Member(CLEO, "Cleo Pier", "cleo@harbour.test"),
}
DIRECTORY = Directory(
    members=PEOPLE,
    roles={"agent": [ADA, BEN]},
    groups={
        "Network": Group((ADA, BEN), CLEO),
        "Empty": Group(),
        "Left alone": Group((), GONE),
        "Operations": Group((CLEO,), BEN),
    },
    endpoints=frozenset({HOOK}),
)
MOMENT = Moment(on_duty={"first line": BEN, "gap": None, "left": GONE}, closed=frozenset({"office"}))
SITUATION = Situation(client_id=ACME, contact_id=CONTACT, assignment_group="Network")


def told(*who: Who, situation: Situation = SITUATION, only_first: bool = False) -> Resolution:
    targets = [Target(who=each) for each in who]
    return domain.recipients(targets, situation, DIRECTORY, MOMENT, only_first=only_first)


def whom(resolution: Resolution) -> list[Whom]:
    return [each.whom for each in resolution.recipients]


FOUND: list[tuple[Who, list[Whom]]] = [
    (ToMember(ADA), [PEOPLE[ADA]]),
    (ToRole("agent"), [PEOPLE[ADA], PEOPLE[BEN]]),
    (ToGroup("Operations"), [PEOPLE[CLEO]]),
    (ToRota("first line"), [PEOPLE[BEN]]),
    (ToOwner(), [PEOPLE[ADA], PEOPLE[BEN]]),
    (ToManager(), [PEOPLE[CLEO]]),
    (ToContact(), [Client(ACME, CONTACT)]),
    (ToWebhook(HOOK), [Endpoint(HOOK)]),
    (Reassign("Operations"), [Reassignment("Operations"), PEOPLE[CLEO]]),
]

PASSED_BY: list[tuple[Who, SkipCause]] = [
    (ToMember(GONE), SkipCause.INACTIVE),
    (ToRole("auditor"), SkipCause.NOBODY),
    (ToGroup("Nowhere"), SkipCause.UNKNOWN),
    (ToGroup("Empty"), SkipCause.NOBODY),
    (ToRota("nowhere"), SkipCause.UNKNOWN),
    (ToRota("gap"), SkipCause.NOBODY),
    (ToRota("left"), SkipCause.INACTIVE),
    (ToSkill("fibre"), SkipCause.NOBODY),
    (ToWebhook(DISABLED), SkipCause.UNKNOWN),
    (Reassign("Empty"), SkipCause.NOBODY),
    (Reassign("Nowhere"), SkipCause.UNKNOWN),
]


@pytest.mark.parametrize(("who", "expected"), FOUND)
def test_a_target_stands_for_whoever_is_behind_it_now(who: Who, expected: list[Whom]) -> None:
    assert whom(told(who)) == expected


@pytest.mark.parametrize(("who", "cause"), PASSED_BY)
def test_a_target_with_nobody_behind_it_is_passed_by_and_the_next_bridges_it(
    who: Who, cause: SkipCause
) -> None:
    resolution = told(who, ToMember(CLEO), only_first=True)

    assert [(each.target, each.cause) for each in resolution.skipped] == [(0, cause)]
    assert [(each.target, each.whom) for each in resolution.recipients] == [(1, PEOPLE[CLEO])]


@pytest.mark.parametrize("who", [each for each, _ in PASSED_BY])
def test_a_step_that_has_nobody_to_tell_says_so(who: Who) -> None:
    assert told(who).recipients == ()


def test_outside_its_hours_a_target_is_bridged_by_the_next() -> None:
    targets = [Target(who=ToMember(ADA), hours="office"), Target(who=ToRota("first line"), hours="night")]

    by_day = domain.recipients(targets, SITUATION, DIRECTORY, replace(MOMENT, closed=frozenset({"night"})))
    by_night = domain.recipients(targets, SITUATION, DIRECTORY, MOMENT)

    assert whom(by_day) == [PEOPLE[ADA]]
    assert whom(by_night) == [PEOPLE[BEN]]
    assert [(each.target, each.cause) for each in by_night.skipped] == [(0, SkipCause.OUTSIDE_HOURS)]


def test_only_the_first_target_with_anybody_is_told_where_one_is_enough() -> None:
    assert whom(told(ToSkill("fibre"), ToMember(BEN), ToMember(ADA), only_first=True)) == [PEOPLE[BEN]]


def test_nobody_is_told_twice_by_one_telling() -> None:
    resolution = told(ToMember(ADA), ToRole("agent"), ToGroup("Network"))

    assert whom(resolution) == [PEOPLE[ADA], PEOPLE[BEN]]
    assert [each.target for each in resolution.recipients] == [0, 1]
    assert [(each.target, each.cause) for each in resolution.skipped] == [(2, SkipCause.TOLD_ALREADY)]


@pytest.mark.parametrize("assignee", [str(BEN), "BEN@harbour.test", " Ben Quay ", str(BEN).upper()])
def test_the_owner_is_whoever_is_called_by_id_address_or_name(assignee: str) -> None:
    assert whom(told(ToOwner(), situation=replace(SITUATION, assignee=assignee))) == [PEOPLE[BEN]]


@pytest.mark.parametrize("assignee", ["Somebody Else", str(GONE), ""])
def test_an_owner_who_is_no_active_member_leaves_it_to_the_group(assignee: str) -> None:
    found = whom(told(ToOwner(), situation=replace(SITUATION, assignee=assignee)))

    assert found == [PEOPLE[ADA], PEOPLE[BEN]]


def test_a_name_that_two_members_have_is_nobodys() -> None:
    twins = {ADA: PEOPLE[ADA], BEN: replace(PEOPLE[BEN], name="ada harbour")}
    directory = replace(DIRECTORY, members=twins)

    assert domain.assigned_member("Ada Harbour", directory) is None
    assert domain.assigned_member("ada@harbour.test", directory) == twins[ADA]


BEHIND = [
    (Situation(), None, ToOwner(), SkipCause.NOBODY),
    (Situation(), None, ToManager(), SkipCause.NOBODY),
    (Situation(), None, ToContact(), SkipCause.NOBODY),
    (Situation(), "Operations", ToOwner(), CLEO),
    (Situation(), "Operations", ToManager(), BEN),
    (Situation(assignment_group="Network"), "Operations", ToManager(), CLEO),
    (Situation(assignment_group="Left alone"), "Operations", ToManager(), BEN),
    (Situation(assignment_group="Left alone"), None, ToManager(), SkipCause.INACTIVE),
    (Situation(assignment_group="Empty"), None, ToManager(), SkipCause.NOBODY),
    (Situation(assignment_group="Empty"), "Operations", ToOwner(), CLEO),
    (Situation(assignment_group="Renamed"), "Operations", ToOwner(), CLEO),
]


@pytest.mark.parametrize(("situation", "owner_group", "who", "expected"), BEHIND)
def test_owner_and_manager_are_those_of_the_group_that_has_it_else_of_the_one_that_operates_the_service(
    situation: Situation, owner_group: str | None, who: Who, expected: MemberId | SkipCause
) -> None:
    directory = replace(DIRECTORY, owner_group=owner_group)

    found = domain.recipients([Target(who=who)], situation, directory, MOMENT)

    people = [each.whom.id for each in found.recipients if isinstance(each.whom, Member)]
    assert [*people, *(each.cause for each in found.skipped)] == [expected]


WHO = st.sampled_from([who for who, _ in FOUND] + [who for who, _ in PASSED_BY])
TARGETS = st.lists(
    st.builds(Target, who=WHO, hours=st.sampled_from([None, "office", "day"])), min_size=1, max_size=10
)


@given(TARGETS)
def test_whoever_is_told_is_told_once_and_every_target_is_told_or_passed_by(targets: list[Target]) -> None:
    found = domain.recipients(targets, SITUATION, DIRECTORY, MOMENT)

    people = [each.whom for each in found.recipients]
    assert len(people) == len(set(people))
    heard = {each.target for each in found.recipients}
    assert heard.isdisjoint(each.target for each in found.skipped)
    assert heard | {each.target for each in found.skipped} == set(range(len(targets)))
    assert all(each.channel is Channel.WEBHOOK for each in found.recipients)


@given(TARGETS)
def test_the_first_with_anybody_is_the_first_of_all_who_would_be_told(targets: list[Target]) -> None:
    first = domain.recipients(targets, SITUATION, DIRECTORY, MOMENT, only_first=True)
    everybody = domain.recipients(targets, SITUATION, DIRECTORY, MOMENT)

    enough = min((each.target for each in everybody.recipients), default=None)
    assert first.recipients == tuple(each for each in everybody.recipients if each.target == enough)

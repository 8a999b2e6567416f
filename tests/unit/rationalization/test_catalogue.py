"""Types of request: what a version says, its life, what differs, and changes that are approved beforehand."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import RequestId
from service.rationalization.catalogue import (
    comparing,
    documents,
    domain,
    fields,
    lifecycle,
    proposals,
    validation,
)
from service.rationalization.catalogue.domain import FiveS, Item, ItemKind, Mark, Outcome, WorkStep
from service.rationalization.catalogue.errors import (
    RequestTypeApproverInvolved,
    RequestTypeInvalid,
    RequestTypeMemberNeeded,
    RequestTypeStepOutOfTurn,
)
from service.rationalization.catalogue.proposals import Proven
from service.rules.lifecycle import Basis, Stage, Step, Taken
from service.rules.vocabulary import RequestType
from service.tenants.domain import Approval

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ITEM: dict[str, Any] = {"name": "labels", "title": "Labels"}
APPROVAL = {"gate": "approval", "name": "owner", "roles": ["manager"]}


def _steps(*items: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {"title": "Laptop", "steps": [{"name": "work", "title": "Work", "items": list(items)} | said]}


def _pointers(document: dict[str, Any], family: RequestType = RequestType.CHANGE) -> list[str]:
    try:
        documents.read(document, family)
    except RequestTypeInvalid as error:
        return [fault.pointer for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({"title": "Laptop"}, []),
        (_steps(ITEM, ITEM | {"name": "sorted", "kind": "5s", "part": "sort"}, role="agent"), []),
        ({"title": "Laptop", "requires": [APPROVAL, {"gate": "rollback_plan"}]}, []),
        ({}, [""]),
        ({"title": " "}, ["/title"]),
        ({"title": "Laptop", "colour": "red"}, [""]),
        ({"title": "Laptop", "fields": []}, ["/fields"]),
        ({"title": "Laptop", "fields": {}}, ["/fields/type", "/fields/properties"]),
        ({"title": "Laptop", "intake": "guess"}, ["/intake"]),
        (_steps(ITEM, ITEM), ["/steps/0/items/0/name", "/steps/0/items/1/name"]),
        (_steps(ITEM | {"kind": "5s"}), ["/steps/0/items/0/part"]),
        (_steps(ITEM | {"part": "shine"}), ["/steps/0/items/0/part"]),
        (_steps(role="agent", group="Desk"), ["/steps/0/group"]),
        (_steps(role="queen"), ["/steps/0/role"]),
        ({"title": "Laptop", "requires": [{"gate": "approval", "name": "owner"}]}, ["/requires/0"]),
        ({"title": "Laptop", "requires": [{"gate": "blessing"}]}, ["/requires/0/gate"]),
        ({"title": "Laptop", "standard": True, "requires": [APPROVAL]}, ["/requires/0"]),
        ({"title": "Laptop", "description": "x" * 70_000}, [""]),
    ],
)
def test_what_is_wrong_with_a_version_is_named_at_its_place(
    document: dict[str, Any], pointers: list[str]
) -> None:
    assert _pointers(document) == pointers


@pytest.mark.parametrize("family", list(RequestType))
def test_only_a_change_is_standard(family: RequestType) -> None:
    is_change = family in {RequestType.CHANGE, RequestType.PLAN_CHANGE}

    assert _pointers({"title": "Laptop", "standard": True}, family) == ([] if is_change else ["/standard"])


def _taken(*steps: tuple[Step, str]) -> list[Taken]:
    return [
        Taken(version=1, number=number, step=step, at=NOON, by=by)
        for number, (step, by) in enumerate(steps, start=1)
    ]


WRITTEN = _taken((Step.WRITTEN, "member:ada"), (Step.SUBMITTED, "member:bob"))


@pytest.mark.parametrize(
    ("by", "others", "expected"),
    [
        ("member:eve", 1, None),
        ("member:eve", 0, None),
        ("member:ada", 0, Basis.SOLE_ADMIN),
        ("member:ada", 1, RequestTypeApproverInvolved),
        ("member:bob", 1, RequestTypeApproverInvolved),
        ("application:desk", 0, RequestTypeMemberNeeded),
        ("operator", 0, RequestTypeMemberNeeded),
    ],
)
def test_who_wrote_or_submitted_a_version_does_not_approve_it(by: str, others: int, expected: Any) -> None:
    if not isinstance(expected, type):
        assert lifecycle.basis_of_approval(by, WRITTEN, has_others=others > 0) is expected
        return
    with pytest.raises(expected):
        lifecycle.basis_of_approval(by, WRITTEN, has_others=others > 0)


@given(steps=st.lists(st.sampled_from(sorted(lifecycle.ACTIONS)), max_size=12))
def test_nothing_is_published_that_was_not_approved_since_it_was_last_sent_back(steps: list[Step]) -> None:
    went, stage = [Step.WRITTEN], Stage.DRAFT
    for step in steps:
        try:
            lifecycle.refuse_out_of_turn(1, stage, step)
        except RequestTypeStepOutOfTurn:
            continue
        went.append(step)
        stage = lifecycle.stage_of(_taken(*((each, "member:ada") for each in went)))

    if Step.PUBLISHED in went:
        before = went[: went.index(Step.PUBLISHED)]
        assert Step.APPROVED in before
        assert Step.RETURNED not in before[len(before) - 1 - before[::-1].index(Step.APPROVED) :]


@pytest.mark.parametrize(
    ("author", "approval", "steps"),
    [
        ("application:git", Approval.GIT, (Step.SUBMITTED, Step.APPROVED)),
        ("application:git", Approval.MEMBERS, ()),
        ("member:ada", Approval.GIT, ()),
    ],
)
def test_only_what_an_application_wrote_is_reviewed_elsewhere(
    author: str, approval: Approval, steps: tuple[Step, ...]
) -> None:
    assert lifecycle.on_the_way(_taken((Step.WRITTEN, author)), approval=approval) == steps
    submitted = _taken((Step.WRITTEN, author), (Step.SUBMITTED, author))
    assert lifecycle.on_the_way(submitted, approval=approval) == ()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)
DOCUMENT = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@given(one=DOCUMENT, other=DOCUMENT)
def test_two_versions_differ_by_what_leads_from_one_to_the_other(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    there, back = comparing.differences(one, other), comparing.differences(other, one)

    assert comparing.differences(one, one) == []
    assert [each.part for each in there] == [each.part for each in back]
    assert [(each.before, each.after) for each in there] == [(each.after, each.before) for each in back]


SAID = st.dictionaries(
    st.from_regex(r"\A[a-z][a-z0-9_]{0,3}\Z"),
    st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(max_size=9),
        st.just("2026-01-05T12:00:00Z"),
        st.lists(st.integers(0, 9), max_size=3),
    ),
    max_size=5,
)
PROVEN = Proven(
    requests=[RequestId(UUID(int=1))],
    since=NOON,
    alike=1,
    reviewed=0,
    succeeded=0,
    with_accidents=0,
    fixed=[],
    varied=[],
    left_out=[],
)


@given(said=st.lists(SAID, min_size=1, max_size=4))
def test_a_proposal_can_be_published_and_takes_each_change_that_it_was_made_from(
    said: list[dict[str, Any]],
) -> None:
    found = proposals.shared(said)
    document = proposals.document("Like before", found, PROVEN, service=None)

    form = documents.read(document, RequestType.CHANGE)

    assert form.standard
    for each in said:
        kept = {name: value for name, value in each.items() if name not in found.left_out}
        assert validation.faults_of(found.fields, kept) == []
        assert proposals.is_alike(each, found.fixed)
    assert fields.faults_of(found.fields, "") == []
    assert not found.fixed.keys() & found.varied.keys()


SHARED: list[Any] = [
    ([{"what": "disk"}, {"what": "disk"}], {"what": "disk"}, {}, ()),
    ([{"what": "disk"}, {"what": "mail"}], {}, {"what": {"type": "string"}}, ()),
    ([{"size": 1}, {"size": 1.5}], {}, {"size": {"type": "number"}}, ()),
    ([{"what": "disk"}, {}], {}, {"what": {"type": "string"}}, ()),
    ([{"at": "2026-01-05T12:00:00Z"}], {}, {"at": {"type": "string", "format": "date-time"}}, ()),
    ([{"on": True}, {"on": 1}], {}, {}, ("on",)),
    ([{"deep": {"a": 1}}], {}, {}, ("deep",)),
    ([{"Größe": 1}], {}, {}, ("Größe",)),
    ([{"hosts": ["a"]}], {}, {"hosts": {"type": "array", "items": {"type": "string"}}}, ()),
    ([{"hosts": []}], {}, {}, ("hosts",)),
]


@pytest.mark.parametrize(("said", "fixed", "varied", "left_out"), SHARED)
def test_what_changes_share_is_fixed_and_what_varied_is_a_field(
    said: list[dict[str, Any]], fixed: dict[str, Any], varied: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    found = proposals.shared(said)

    assert (found.fixed, found.varied, found.left_out) == (fixed, varied, left_out)


@pytest.mark.parametrize(
    ("family", "state", "pointers"),
    [
        (RequestType.CHANGE, "done", []),
        (RequestType.CHANGE, "open", ["/requests/2"]),
        (RequestType.PLAN_CHANGE, "done", ["/requests/2"]),
        (RequestType.INCIDENT, "done", ["/requests/2"]),
    ],
)
def test_only_changes_of_one_kind_that_were_done_are_proven(
    family: RequestType, state: str, pointers: list[str]
) -> None:
    found = proposals.faults_of(2, family, wanted=RequestType.CHANGE, is_done=state == "done")

    assert [fault.pointer for fault in found] == pointers


def _item(name: str, *, obligatory: bool) -> Item:
    return Item(name=name, title=name, kind=ItemKind.FIVE_S, part=FiveS.SORT, obligatory=obligatory)


NAMES = st.sampled_from("abcd")
ITEMS = st.lists(
    st.builds(_item, NAMES, obligatory=st.booleans()), max_size=4, unique_by=lambda item: item.name
)
MARK = Mark(item="a", outcome=Outcome.DONE, reason=None, evidence=None, by="member:ada", recorded_at=NOON)


def _marked(item: str, outcome: Outcome) -> Mark:
    return replace(MARK, item=item, outcome=outcome)


MARKS = st.lists(st.builds(_marked, NAMES, st.sampled_from(Outcome)), max_size=6)


@given(items=ITEMS, marks=MARKS)
def test_what_is_open_is_what_must_be_noted_and_was_not(items: list[Item], marks: list[Mark]) -> None:
    work = WorkStep(name="work", title="Work", role=None, group=None, items=tuple(items))

    held = domain.marked(marks)
    found = {fault.pointer for fault in domain.open_items([work], held)}

    noted = {mark.item for mark in marks}
    assert found == {
        f"/checklist/{item.name}" for item in items if item.obligatory and item.name not in noted
    }
    assert all(held[mark.item] is [each for each in marks if each.item == mark.item][-1] for mark in marks)


@pytest.mark.parametrize(
    ("name", "told"),
    [("incidnet", "`incident`"), ("lapptop", "`laptop`"), ("zzz", "`change`"), ("x" * 10_000, "`incident`")],
)
def test_a_name_that_is_not_there_is_told_with_what_is_near(name: str, told: str) -> None:
    fault = domain.unknown_name(name, ["laptop"])

    assert fault.pointer == "/type"
    assert told in fault.detail
    assert len(fault.detail) < 300

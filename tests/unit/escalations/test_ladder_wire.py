"""Ladders as they are written: read, refused with places, and written again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain.marks import Anchor, Mark
from service.escalations.ladders import wire
from service.escalations.ladders.domain import (
    Definition,
    Maintenance,
    Reassign,
    Step,
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
)
from service.escalations.ladders.wire import Place
from service.ids import EndpointId, MemberId

ADA = MemberId(UUID(int=1))
OWNER = {"owner": True}


def ladder(**step: Any) -> dict[str, Any]:
    return {"steps": [{"name": "one", "at": {"anchor": "breach"}, "tell": [OWNER], **step}]}


def at(**instant: Any) -> dict[str, Any]:
    return ladder(at=instant)


REFUSED: list[tuple[object, str, str]] = [
    ([], "", "Expected `object`"),
    ({}, "", "steps"),
    ({"steps": []}, "/steps", "length >= 1"),
    ({"steps": ladder()["steps"] * 21}, "/steps", "length <= 20"),
    ({**ladder(), "colour": 1}, "", "colour"),
    (ladder(name=""), "/steps/0/name", "length >= 1"),
    (ladder(name="a\nb"), "/steps/0/name", "printable"),
    (ladder(tell=[]), "/steps/0/tell", "length >= 1"),
    (ladder(tell=[OWNER] * 11), "/steps/0/tell", "length <= 10"),
    (ladder(tell=[{}]), "/steps/0/tell/0", "none of these"),
    (ladder(tell=[{"hours": "office"}]), "/steps/0/tell/0", "none of these"),
    (ladder(tell=[{"owner": True, "manager": True}]), "/steps/0/tell/0", "2 of them"),
    (ladder(tell=[{"owner": False}]), "/steps/0/tell/0/owner", "False"),
    (ladder(tell=[{"role": "captain"}]), "/steps/0/tell/0/role", "captain"),
    (ladder(tell=[{"owner": True, "channel": "pigeon"}]), "/steps/0/tell/0/channel", "pigeon"),
    (ladder(tell=[OWNER, {"owner": True, "hours": "office"}]), "/steps/0/tell/1", "already"),
    (at(anchor="noon"), "/steps/0/at/anchor", "noon"),
    (at(anchor="used"), "/steps/0/at/share", "0.75"),
    (at(anchor="used", share=11), "/steps/0/at/share", "<= 10"),
    (at(anchor="used", share=-0.1), "/steps/0/at/share", ">= 0"),
    (at(anchor="due", share=0.5), "/steps/0/at/share", "Leave it out"),
    (at(anchor="breach", after_seconds=-60), "/steps/0/at/after_seconds", '"due"'),
    (at(anchor="start", after_seconds=-60), "/steps/0/at/after_seconds", "start"),
    (at(anchor="due", after_seconds=10**12), "/steps/0/at/after_seconds", "<="),
    (ladder(repeat={"every_seconds": 900}), "/steps/0/repeat", "times"),
    (ladder(repeat={"every_seconds": 900, "times": 0}), "/steps/0/repeat/times", ">= 1"),
    (ladder(repeat={"every_seconds": 900, "times": 101}), "/steps/0/repeat/times", "<= 100"),
    (ladder(repeat={"every_seconds": 59, "times": 1}), "/steps/0/repeat/every_seconds", ">= 60"),
    ({"steps": ladder()["steps"] * 2}, "/steps/1/name", "a name of its own"),
    ({**ladder(), "manager_step": "two"}, "/manager_step", "'one'"),
    ({**ladder(), "acknowledged_for_seconds": 0}, "/acknowledged_for_seconds", ">= 60"),
    ({**ladder(), "maintenance": "never"}, "/maintenance", "never"),
]


@pytest.mark.parametrize(("raw", "pointer", "said"), REFUSED)
def test_what_cannot_be_climbed_is_refused_at_its_place(raw: object, pointer: str, said: str) -> None:
    _, faults = wire.read(raw)

    assert [(fault.pointer, said in fault.detail) for fault in faults] == [(pointer, True)]


def test_all_that_is_wrong_is_said_at_once() -> None:
    two_steps = at(anchor="used")["steps"] + ladder(tell=[{}])["steps"]
    _, faults = wire.read({"steps": two_steps, "manager_step": "two"})

    places = ["/steps/0/at/share", "/steps/1/name", "/steps/1/tell/0", "/manager_step"]
    assert [fault.pointer for fault in faults] == places


def test_what_a_ladder_names_is_found_with_its_place() -> None:
    endpoint = str(UUID(int=7))
    tell = [
        {"member": "ada@harbour.test", "hours": "office"},
        {"role": "agent"},
        {"rota": "first line"},
        {"reassign": "Network"},
        {"webhook": endpoint},
    ]
    form, faults = wire.read(ladder(tell=tell))

    assert faults == []
    assert form is not None
    assert wire.places(form) == [
        Place("member", "ada@harbour.test", "/steps/0/tell/0/member"),
        Place("hours", "office", "/steps/0/tell/0/hours"),
        Place("rota", "first line", "/steps/0/tell/2/rota"),
        Place("group", "Network", "/steps/0/tell/3/reassign"),
        Place("webhook", endpoint, "/steps/0/tell/4/webhook"),
    ]


def test_a_ladder_says_what_it_is_written_to_say() -> None:
    form, _ = wire.read(
        {
            "steps": [
                {
                    "name": "before",
                    "at": {"anchor": "used", "share": 0.75, "after_seconds": -60, "working": True},
                    "tell": [{"member": "ada@harbour.test", "hours": "office"}, {"rota": "first line"}],
                    "only_first": True,
                    "repeat": {"every_seconds": 900, "times": 3},
                }
            ],
            "acknowledged_for_seconds": 3_600,
            "maintenance": "tell",
            "manager_step": "before",
        }
    )

    assert form is not None
    mark = Mark(anchor=Anchor.USED, share=0.75, after=timedelta(minutes=-1), working=True)
    targets = (Target(who=ToMember(ADA), hours="office"), Target(who=ToRota("first line")))
    step = Step(
        name="before",
        at=mark,
        targets=targets,
        only_first=True,
        repeat_every=timedelta(minutes=15),
        repeats_max=3,
    )
    assert wire.definition(form, {"ada@harbour.test": ADA}) == Definition(
        steps=(step,),
        acknowledged_for=timedelta(hours=1),
        maintenance=Maintenance.TELL,
        manager_step="before",
    )


def repeated(step: Step, times: int) -> Step:
    return step if times == 0 else replace(step, repeat_every=timedelta(minutes=times), repeats_max=times)


def member(member_id: UUID) -> ToMember:
    return ToMember(MemberId(member_id))


def webhook(endpoint_id: UUID) -> ToWebhook:
    return ToWebhook(EndpointId(endpoint_id))


def who(target: Target) -> Who:
    return target.who


NAMES = st.text("abc é", min_size=1, max_size=5).filter(str.strip)
SPANS = st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds))
BEFORE = st.integers(-(10**6), 0).map(lambda seconds: timedelta(seconds=seconds))
LATER = st.sampled_from([Anchor.START, Anchor.BREACH])
MARKS = st.one_of(
    st.builds(Mark, anchor=st.just(Anchor.DUE), after=BEFORE, working=st.booleans()),
    st.builds(Mark, anchor=LATER, after=SPANS),
    st.builds(Mark, anchor=st.just(Anchor.USED), share=st.floats(0, 10)),
)
WHO = st.one_of(
    st.uuids().map(member),
    st.sampled_from(["admin", "agent"]).map(ToRole),
    NAMES.map(ToGroup),
    NAMES.map(ToRota),
    NAMES.map(ToSkill),
    NAMES.map(Reassign),
    st.uuids().map(webhook),
    st.sampled_from([ToOwner(), ToManager(), ToContact()]),
)
TARGETS = st.lists(st.builds(Target, who=WHO, hours=st.none() | NAMES), min_size=1, max_size=4, unique_by=who)
STEPS = st.builds(
    repeated,
    st.builds(Step, name=NAMES, at=MARKS, targets=TARGETS.map(tuple[Target, ...]), only_first=st.booleans()),
    st.integers(0, 100),
)
DEFINITIONS = st.builds(
    Definition,
    steps=st.lists(STEPS, min_size=1, max_size=4, unique_by=lambda step: step.name).map(tuple[Step, ...]),
    acknowledged_for=st.none() | st.integers(60, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    maintenance=st.sampled_from(Maintenance),
)


@given(DEFINITIONS)
def test_a_ladder_is_read_as_it_is_written_and_written_as_it_is_read(definition: Definition) -> None:
    document = msgspec.json.decode(msgspec.json.encode(wire.document(definition)))

    form, faults = wire.read(document)
    assert faults == []
    assert form is not None
    assert wire.from_document(document) == definition
    assert wire.document(wire.from_document(document)) == wire.document(definition)

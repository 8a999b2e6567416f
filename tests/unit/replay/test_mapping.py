from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.replay import mapping as mappings
from service.replay import parsing
from service.replay.errors import MappingInvalid
from service.replay.mapping import CaseRows, EventRows, FactType, Standing, Times
from service.requests.domain import State
from tests.unit.replay import factories

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/mapping.yaml")), ids=lambda path: path.parent.name)
def test_the_examples_are_mappings(path: Path) -> None:
    assert parsing.parse(path.read_text(), name=path.name).source


def test_a_mapping_says_what_each_column_is() -> None:
    mapping = factories.mapping()

    assert isinstance(mapping.rows, EventRows)
    assert mapping.rows.states["Waiting"] == Standing(State.OPEN, "waiting_requester")
    assert mapping.nulls == {"", "?"}
    assert [(fact.name, fact.type) for fact in mapping.facts] == [
        ("priority", FactType.STRING),
        ("custom.seats", FactType.INTEGER),
    ]


def test_a_log_may_have_a_row_for_each_case() -> None:
    text = (EXAMPLES / "by-case" / "mapping.yaml").read_text()

    mapping = parsing.parse(text, name="mapping.yaml")

    assert mapping.rows == CaseRows({"replied": "first_reply", "resolved": "resolved", "closed": "closed"})


@pytest.mark.parametrize(
    ("old", "new", "pointer", "detail"),
    [
        ("source: desk\n", "", "/source", "is missing"),
        ("source: desk\n", "source: []\n", "/source", "one text"),
        ("case: id", "case: id\ncasse: id", "/casse", "did you mean 'case'"),
        ("zone: Europe/Berlin", "zone: Europe/Bärlin", "/times/zone", "IANA"),
        ("zone: Europe/Berlin", "zone: ../../etc", "/times/zone", "IANA"),
        ('"%d/%m/%Y %H:%M"', "dd/mm/yyyy", "/times/format", "pattern such as"),
        ("New: open", "New: opne", "/state/values/New", "did you mean 'open'"),
        ("{pause: waiting_requester}", "{paused: x}", "/state/values/Waiting/pause", "is missing"),
        (
            "priority: priority\n  custom",
            "prioritty: priority\n  custom",
            "/facts/prioritty",
            "custom.prioritty",
        ),
        ("type: integer", "type: integr", "/facts/custom.seats/type", "did you mean 'integer'"),
        ("seats, type", "in_time, type", "/facts/custom.seats", "hindsight"),
        ("group_by", "hindsight: [updated]\ngroup_by", "/happened_at", "hindsight"),
        ('broken: "false"', 'broken: "true"', "/outcome/broken", "cannot mean kept as well"),
        ('broken: "false", ', "", "/outcome/broken", "say which values"),
        ("on: closed", "on: done", "/outcome/on", "not known"),
        ("group_by", "type: incidnt\ngroup_by", "/type", "did you mean 'incident'"),
        ("group_by", "delimiter: ';;'\ngroup_by", "/delimiter", "one character"),
        ("group_by", "milestones: {closed: x}\ngroup_by", "/milestones", "not both"),
        ("  column: state\n", "", "/state/column", "is missing"),
    ],
)
def test_a_fault_names_its_place_and_the_remedy(old: str, new: str, pointer: str, detail: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        factories.mapping((old, new))

    faults = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert detail in faults[pointer]
    assert pointer in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(MappingInvalid) as refused:
        factories.mapping(("source: desk\n", ""), ("New: open", "New: opne"))

    assert [fault.pointer for fault in refused.value.faults] == ["/source", "/state/values/New"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a: [", "line 1"),
        ("source: a\nsource: b", "line 2, column 1: 'source' stands here for the second time"),
        ("- a", "YAML object"),
        ("", "YAML object"),
        ("a: !!python/object:os.system x", "constructor"),
        ("a: \x00", "not YAML"),
    ],
)
def test_what_is_no_mapping_at_all_is_refused(text: str, detail: str) -> None:
    with pytest.raises(MappingInvalid, match=detail):
        parsing.parse(text, name="mapping.yaml")


def test_values_that_yaml_takes_for_something_else_stay_text() -> None:
    mapping = factories.mapping(('kept: "true", broken: "false"', "kept: yes, broken: [no, 0]"))

    assert mapping.outcome is not None
    assert (mapping.outcome.kept, mapping.outcome.broken) == ({"yes"}, {"no", "0"})


def test_a_column_that_the_log_lacks_is_named_with_the_nearest() -> None:
    header = factories.HEADER.replace("priority", "Priority").replace("seats", "id").split(",")

    faults = {fault.pointer: fault.detail for fault in mappings.faults_of_header(factories.mapping(), header)}

    assert "did you mean 'Priority'" in faults["/facts/priority"]
    assert "more than one column 'id'" in faults["/case"]
    assert set(faults) == {"/case", "/facts/priority", "/facts/custom.seats", "/group_by"}


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "29/2/2016 06:38", datetime(2016, 2, 29, 5, 38, tzinfo=UTC)),
        ("iso", "2016-07-01T06:38", datetime(2016, 7, 1, 4, 38, tzinfo=UTC)),
        ("iso", "2016-07-01T06:38:09Z", datetime(2016, 7, 1, 6, 38, 9, tzinfo=UTC)),
        ("iso", "2016-07-01T06:38-05:00", datetime(2016, 7, 1, 11, 38, tzinfo=UTC)),
        ("iso", "2016-10-30T02:30", datetime(2016, 10, 30, 0, 30, tzinfo=UTC)),  # twice that night: the first
    ],
)
def test_times_become_instants(pattern: str, text: str, expected: datetime) -> None:
    assert Times(pattern, ZoneInfo("Europe/Berlin")).instant(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31/2/2016 10:00", "0001-01-01T00:00", "2016-07-01T06:38:00Zz"]
)
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    for pattern in ("iso", "%d/%m/%Y %H:%M"):
        with pytest.raises(ValueError, match=r".+"):
            Times(pattern, ZoneInfo("Asia/Tokyo")).instant(text)


@given(
    at=st.datetimes(factories.NOON.replace(tzinfo=None, year=1971)),
    zone=st.sampled_from(["UTC", "Asia/Kolkata"]),
)
def test_a_time_without_offset_is_local(at: datetime, zone: str) -> None:
    instant = Times("iso", ZoneInfo(zone)).instant(at.isoformat())

    assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at


@given(text=st.text(max_size=60))
def test_whatever_the_text_it_is_refused_by_naming_faults(text: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        parsing.parse(text, name="mapping.yaml")

    assert refused.value.faults

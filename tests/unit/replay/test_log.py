import gzip
import lzma
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.replay import log, parsing
from service.replay import steps as planning
from service.replay.errors import LogUnreadable, MappingInvalid
from service.replay.mapping import LogMapping
from service.replay.rows import Row
from service.replay.steps import Step, Verdict
from tests.unit.replay import factories

EXAMPLES = Path(__file__).parents[3] / "examples"

GOOD = "A1,0,New,3/3/2025 09:00,3/3/2025 09:05,high,1,true"
CLOSED = "A1,4,Closed,3/3/2025 09:00,4/3/2025 10:00,high,1,false"


def _steps(path: Path, mapping: LogMapping, *, limit: int | None = None) -> list[Step]:
    with log.read(path, mapping, limit=limit) as plan:
        return list(plan.steps)


def _bodies(path: Path, mapping: LogMapping) -> list[dict[str, Any]]:
    return [step.body for step in _steps(path, mapping)]


def test_a_case_is_submitted_when_it_was_opened_and_then_follow_its_events(tmp_path: Path) -> None:
    path = factories.log_file(
        tmp_path,
        GOOD,
        "A1,1,Waiting,3/3/2025 09:00,3/3/2025 10:00,high,1,true",
        "A1,2,With vendor,3/3/2025 09:00,3/3/2025 11:00,high,2,true",
        "A1,3,Solved,3/3/2025 09:00,4/3/2025 09:00,low,?,true",
        CLOSED.replace("high,1", "low,?"),
    )

    bodies = _bodies(path, factories.mapping())

    assert bodies == [
        {
            "source": "desk",
            "external_id": "A1",
            "type": "incident",
            "occurred_at": "2025-03-03T08:00:00Z",
            "facts": {"priority": "high", "custom": {"seats": 1}},
        },
        {
            "type": "paused",
            "cause": "waiting_requester",
            "occurred_at": "2025-03-03T09:00:00Z",
            "sequence": 1,
        },
        {
            "type": "resumed",
            "cause": "waiting_requester",
            "occurred_at": "2025-03-03T10:00:00Z",
            "sequence": 2,
        },
        {
            "type": "changed",
            "facts": {"custom": {"seats": 2}},
            "occurred_at": "2025-03-03T10:00:00Z",
            "sequence": 3,
        },
        {
            "type": "paused",
            "cause": "waiting_supplier",
            "occurred_at": "2025-03-03T10:00:00Z",
            "sequence": 4,
        },
        {
            "type": "resumed",
            "cause": "waiting_supplier",
            "occurred_at": "2025-03-04T08:00:00Z",
            "sequence": 5,
        },
        {
            "type": "changed",
            "state": "resolved",
            "facts": {"priority": "low", "custom": {"seats": None}},
            "occurred_at": "2025-03-04T08:00:00Z",
            "sequence": 6,
        },
        {"type": "changed", "state": "closed", "occurred_at": "2025-03-04T09:00:00Z", "sequence": 7},
    ]


def test_a_row_that_changes_nothing_is_noted_or_dropped_as_the_mapping_says(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, GOOD, GOOD.replace("A1,0", "A1,1"))

    noted = _bodies(path, factories.mapping())
    dropped = _bodies(path, factories.mapping(("group_by", "immaterial: dropped\ngroup_by")))

    assert [body["type"] for body in noted] == ["incident", "noted"]
    assert [body["type"] for body in dropped] == ["incident"]


def test_a_first_row_that_is_not_open_any_more_is_an_event_too(tmp_path: Path) -> None:
    bodies = _bodies(factories.log_file(tmp_path, CLOSED), factories.mapping())

    assert [body.get("state") for body in bodies] == [None, "closed"]


def test_the_ordering_column_and_not_the_file_orders_a_case(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, CLOSED, GOOD)

    with log.read(path, factories.mapping()) as plan:
        assert [step.line for step in plan.steps] == [3, 2]
        assert plan.verdicts == {"A1": Verdict("high", kept=False)}


def test_nothing_is_sent_before_what_precedes_it_in_its_case(tmp_path: Path) -> None:
    early = "A1,1,Solved,3/3/2025 09:00,2/3/2025 09:00,high,1,true"
    path = factories.log_file(tmp_path, GOOD, early)

    request, event = _steps(path, factories.mapping())

    assert event.body["occurred_at"] == "2025-03-02T08:00:00Z"
    assert event.post_at == request.post_at


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (GOOD.replace("New", "-100"), "unknown state"),
        (GOOD.replace("New", "?"), "unknown state"),
        (GOOD.replace("A1", "?"), "no id"),
        (GOOD.replace("A1", ""), "no id"),
        (GOOD.replace("3/3/2025 09:05", "31/2/2025 09:05"), "bad time"),
        (GOOD.replace("3/3/2025 09:00", "2025-03-03"), "bad time"),
        (GOOD.replace("3/3/2025 09:05", "?"), "no time"),
        (GOOD.replace("A1,0", "A1,zero"), "bad number"),
        (GOOD.replace("high,1", "high,some"), "bad value"),
        (GOOD + ",more", "wrong number of columns"),
        ("A1,0", "wrong number of columns"),
        (GOOD.replace("high", "hi\x00gh"), "not text"),
        ('"' + "x" * 200_000 + '"', "not CSV"),
    ],
)
def test_a_bad_row_is_counted_with_its_line_and_the_rest_goes_on(tmp_path: Path, row: str, kind: str) -> None:
    path = factories.log_file(tmp_path, GOOD, row, "", CLOSED)

    with log.read(path, factories.mapping()) as plan:
        assert plan.bad_rows.by_kind == {kind: 1}
        assert [bad.line for bad in plan.bad_rows.first] == [3]
        assert plan.bad_rows.first[0].detail
        assert (plan.events, plan.steps.count) == (2, 2)


def test_columns_that_nobody_asks_for_may_have_the_same_name(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, GOOD + ",x,y", header=factories.HEADER + ",note,note")

    assert len(_steps(path, factories.mapping())) == 1


def test_bytes_that_are_no_text_spoil_only_their_row(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, GOOD, CLOSED)
    path.write_bytes(path.read_bytes().replace(b"false", b"f\xe4lse"))

    with log.read(path, factories.mapping()) as plan:
        assert plan.bad_rows.by_kind == {"not text": 1}
        assert plan.events == 1


def test_a_record_over_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, GOOD, GOOD.replace("high", '"hi\ngh"'), GOOD.replace("New", "Gone"))

    with log.read(path, factories.mapping()) as plan:
        assert [bad.line for bad in plan.bad_rows.first] == [5]


def test_only_the_first_cases_are_read(tmp_path: Path) -> None:
    rows = [GOOD.replace("A1", case) for case in ("B", "A", "C", "B", "D", "A")]

    with log.read(factories.log_file(tmp_path, *rows), factories.mapping(), limit=2) as plan:
        assert set(plan.verdicts) == {"A", "B"}
        assert plan.events == 4


@pytest.mark.parametrize("name", ["log.csv.xz", "log.csv.gz", "log.csv"])
def test_a_packed_log_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    content = factories.log_file(tmp_path, GOOD, CLOSED).read_bytes()
    pack = {".xz": lzma.compress, ".gz": gzip.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(b"" if pack is None else pack(content))

    assert len(_steps(tmp_path / name, factories.mapping())) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.csv", None, "No such file"),
        ("empty.csv", b"", "empty"),
        ("header.csv", factories.HEADER.encode(), "no rows"),
        ("bad.csv", f"{factories.HEADER}\nA1,0\nA2\n".encode(), "none of its 2 rows .* line 2: 2 columns"),
        ("torn.csv.xz", lzma.compress(b"x" * 100_000)[:-20], "ended before"),
        ("text.csv.xz", b"not packed at all", "not supported"),
        ("text.csv.gz", b"not packed at all", "gzip"),
    ],
)
def test_a_log_that_cannot_be_read_at_all_is_refused(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(LogUnreadable, match=reason):
        _steps(tmp_path / name, factories.mapping())


def test_a_log_without_the_columns_of_the_mapping_is_refused(tmp_path: Path) -> None:
    path = factories.log_file(tmp_path, GOOD, header=factories.HEADER.replace("priority", "prio"))

    with pytest.raises(MappingInvalid, match="/facts/priority"):
        _steps(path, factories.mapping())


def test_a_row_for_each_case_becomes_a_request_and_its_milestones() -> None:
    folder = EXAMPLES / "by-case"
    mapping = parsing.parse((folder / "mapping.yaml").read_text(), name="mapping.yaml")

    with log.read(folder / "log.csv", mapping) as plan:
        steps = [step for step in plan.steps if step.case == "HD-3"]
        verdicts = dict(plan.verdicts)

    assert steps[0].body["facts"] == {"priority": "normal", "custom": {"seats": 24}}
    assert steps[0].body["title"] == "Licences for a course"
    assert [(step.body["type"], step.body.get("state")) for step in steps[1:]] == [
        ("replied", None),
        ("changed", "resolved"),
        ("changed", "closed"),
    ]
    assert verdicts["HD-3"] == Verdict("normal", kept=False)
    assert verdicts["HD-5"] == Verdict("normal", kept=None)


ROWS = st.lists(
    st.tuples(
        st.integers(-50, 50),
        st.sampled_from([("open", None), ("open", "waiting"), ("resolved", None), ("closed", None)]),
        st.sampled_from(["high", "low", None]),
    ),
    min_size=1,
    max_size=12,
)


@given(history=ROWS)
def test_the_events_of_a_case_lead_to_what_its_rows_say(
    history: list[tuple[int, tuple[str, str | None], str | None]],
) -> None:
    """An independent reader that only sees what is sent ends where the log does."""
    rows = [
        Row(
            case="A",
            order=index,
            line=index + 2,
            opened_at=factories.NOON,
            at=factories.NOON + timedelta(minutes=minutes),
            happening=state,
            pause=pause,
            facts={"priority": priority},
            texts={},
            kept=None,
            group=None,
        )
        for index, (minutes, (state, pause), priority) in enumerate(history)
    ]

    steps, _ = planning.plan_case(rows, factories.mapping())

    state, pauses, facts = "open", set[object](), dict(_facts(steps[0]))
    for step in steps[1:]:
        state = str(step.body.get("state", state))
        facts |= _facts(step)
        if step.body["type"] == "paused":
            pauses.add(step.body["cause"])
        if step.body["type"] == "resumed":
            pauses.remove(step.body["cause"])
    last = rows[-1]
    assert (state, pauses) == (last.happening, {last.pause} - {None})
    assert facts.get("priority") == last.facts["priority"]
    assert [step.ordinal for step in steps] == list(range(len(steps)))
    assert [step.post_at for step in steps] == sorted(step.post_at for step in steps)


def _facts(step: Step) -> dict[str, object]:
    return cast("dict[str, object]", step.body.get("facts", {}))


def test_a_clock_can_start_before_the_first_event(tmp_path: Path) -> None:
    with log.read(factories.log_file(tmp_path, GOOD), factories.mapping()) as plan:
        assert plan.first_at == datetime(2025, 3, 3, 8, tzinfo=UTC)
        assert plan.last_at == plan.first_at

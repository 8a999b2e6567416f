"""The API does what its document says, whatever is sent: cases made by Schemathesis from the document itself.

No case may end in 5xx; each status, media type, header and body must be one that is documented; what the
document forbids must be refused. Half of the right cases are about objects that there are.
"""

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.config import GenerationConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Sessions
from service.settings import Settings
from tests.conftest import ISSUER
from tests.factories import MovableClock
from tests.probes import raw, world
from tests.probes.places import REFERS
from tests.probes.raw import Answered, Asked
from tests.probes.world import World

Case = Any
"""One request that Schemathesis made; its own type says nothing of what it holds."""

_JUDGES = cast("Any", checks)
CHECKS = [
    _JUDGES.status_code_conformance,
    _JUDGES.content_type_conformance,
    _JUDGES.response_headers_conformance,
    _JUDGES.response_schema_conformance,
    _JUDGES.negative_data_rejection,
    _JUDGES.missing_required_header,
    _JUDGES.unsupported_method,
]
MAY_BE_UNAVAILABLE = ("/readyz",)
"""It says so in 503, which is documented: here the database's time stands still."""

MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
UNHURRIED = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.too_slow,
)
CASES_PROVED = 100_000
COVERED_EACH = 20
FUZZED_EACH = 6
UNDONE_AFTER = 100
"""So many cases see what those before them did; then all of it is undone."""


@dataclass(slots=True)
class Tally:
    """How many cases there were, how they were answered, and each kind of failure with its first case."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    failures: dict[str, str] = field(default_factory=dict[str, str])
    failed: int = 0

    @property
    def cases(self) -> int:
        return sum(self.statuses.values())

    def __str__(self) -> str:
        answered = ", ".join(f"{status}: {number}" for status, number in sorted(self.statuses.items()))
        return f"{self.cases} cases, {self.failed} failures; {answered}"


@dataclass(slots=True)
class Run:
    """Sends cases, and judges the answers."""

    here: World
    loop: asyncio.AbstractEventLoop
    tally: Tally = field(default_factory=Tally)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, case: Case) -> None:
        number = next(self._numbers)
        if number % UNDONE_AFTER == 0:
            self.loop.run_until_complete(self.here.begin_again())
        if number % 2 and case.meta is not None and case.meta.generation.mode.is_positive:
            self._name_what_there_is(case)
            if number % 4 == 1:
                self._say_what_is_right(case)
        self._judge(case, self._answer(case))

    def _name_what_there_is(self, case: Case) -> None:
        own = self.here.staff.own
        asked = cast("dict[str, str]", case.path_parameters or {})
        case.path_parameters = {name: own.get(REFERS.get(name, ""), value) for name, value in asked.items()}

    def _say_what_is_right(self, case: Case) -> None:
        operation = self.here.operations.get(case.operation.definition.raw["operationId"])
        if operation is not None:
            call = self.here.staff.call(operation)
            case.headers.update(call.headers)
            case.body = call.body if call.has_body else case.body

    def _answer(self, case: Case) -> Response:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=ISSUER)).prepare()
        asked = _asked(prepared, self.here.staff.caller.headers["Authorization"])
        answered = self.loop.run_until_complete(raw.ask(self.here.ground.app, asked))
        self.tally.statuses[answered.status] += 1
        return _response(prepared, answered)

    def _judge(self, case: Case, response: Response) -> None:
        if response.status_code >= 500 and case.path not in MAY_BE_UNAVAILABLE:
            self._note(case, response, "server error", "")
        bytes_max = self.here.ground.settings.body_bytes_max
        if response.status_code == 413 and len(_body(response.request)) <= bytes_max:
            self._note(case, response, "too large, yet within the limit", f"{bytes_max} bytes")
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                self._note(case, response, failure.title, str(failure))

    def _note(self, case: Case, response: Response, title: str, said: str) -> None:
        self.tally.failed += 1
        sent = f"{response.request.url} {response.request.headers} {response.request.body!r}"
        kind = f"{case.method} {case.path}: {title} ({response.status_code})"
        self.tally.failures.setdefault(kind, f"{said}\n{sent}\n{response.content!r}"[:2_000])


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


@pytest.fixture
async def run(here: World) -> Run:
    return Run(here, asyncio.get_running_loop())


def test_a_bounded_number_of_cases_ends_as_the_document_says(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = _schema(run.here)
    for operation in _operations(schema):
        for case in _covering(schema, operation, at_most=COVERED_EACH):
            run(case)
        _fuzz(run, operation, cases=FUZZED_EACH, number=0)

    _report(run.tally, capsys)
    assert run.tally.failures == {}
    assert run.tally.cases >= 1_000


@pytest.mark.prove
def test_a_hundred_thousand_cases_end_as_the_document_says(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = _schema(run.here)
    for operation in _operations(schema):
        for case in _covering(schema, operation, at_most=1_000):
            run(case)
    for number in itertools.count(1):
        _report(run.tally, capsys)
        if run.tally.cases >= CASES_PROVED:
            break
        for operation in _operations(schema):
            _fuzz(run, operation, cases=100, number=number)

    assert run.tally.failures == {}


def _schema(here: World) -> Any:
    schema = schemathesis.openapi.from_dict(dict(here.document))
    # RFC 6585: If-Match that is missing is 428
    schema.config.checks.missing_required_header.expected_statuses.append("428")
    # RFC 9110: a body that is too large as a whole is 413, whatever else is wrong with it
    schema.config.checks.negative_data_rejection.expected_statuses += ["413", "428"]
    return schema


def _operations(schema: Any) -> list[Any]:
    return [found.ok() for found in schema.get_all_operations()]


def _covering(schema: Any, operation: Any, *, at_most: int) -> Iterator[Case]:
    """Cases that go through the values at the bounds of each schema, right and wrong."""
    config = GenerationConfig(modes=MODES)
    found = schema.iter_coverage_cases(operation, generation_modes=MODES, generation_config=config)
    return itertools.islice(found, at_most)


def _fuzz(run: Run, operation: Any, *, cases: int, number: int) -> None:
    """Random cases, the same for each number. A failure is noted, and is no reason to shrink the case."""
    made = st.one_of([operation.as_strategy(generation_mode=mode) for mode in MODES])

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNHURRIED,
    )
    @given(case=made)
    def fuzz(case: Case) -> None:
        run(case)

    fuzz()


def _asked(prepared: requests.PreparedRequest, authorization: str) -> Asked:
    target = (prepared.url or "").removeprefix(ISSUER).encode()
    headers = [(_bytes(name), _bytes(value)) for name, value in prepared.headers.items()]
    headers = [each for each in headers if each[0].lower() != b"authorization"]
    return Asked(
        prepared.method or "GET",
        target,
        [*headers, (b"authorization", authorization.encode())],
        _body(prepared),
    )


def _body(prepared: requests.PreparedRequest) -> bytes:
    body = cast("str | bytes", prepared.body or b"")
    return body.encode() if isinstance(body, str) else body


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def _response(prepared: requests.PreparedRequest, answered: Answered) -> Response:
    headers: dict[str, list[str]] = {}
    for name, value in answered.headers:
        headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return Response(answered.status, headers, answered.body, prepared, elapsed=0.0, verify=False)


def _report(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{tally}\n")
        for kind, said in tally.failures.items():
            sys.stdout.write(f"\n{kind}\n{said}\n")

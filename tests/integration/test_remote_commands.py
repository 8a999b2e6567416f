"""The commands that speak to a server, against one that really runs: logs, policies from files, backtests."""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from httpx2 import AsyncClient

from service.cli import main
from service.embedded import EmbeddedDatabase
from service.platform import platform_transaction
from service.tenants import service as tenants
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.factories import NOON
from tests.live import Live, served

pytestmark = pytest.mark.concurrent

EXAMPLES = Path(__file__).parents[2] / "examples"
BY_CASE = EXAMPLES / "by-case"
LOG = ("--mapping", str(BY_CASE / "mapping.yaml"), "--file", str(BY_CASE / "log.csv"))
CASES = 5
PROMISES = 2 * CASES

Run = Callable[..., Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Api:
    """The API of the live server, for what the commands are not asked to show."""

    url: str
    token: str

    async def get(self, path: str) -> Any:
        return await self._call("GET", path, None)

    async def post(self, path: str, body: object) -> Any:
        return await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **factories.key()}
        async with AsyncClient(base_url=self.url, trust_env=False) as http:
            answer = await http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant of the live server, and a way to run commands as its application."""

    tenant: Tenant
    run: Run
    api: Api


@pytest.fixture(scope="module")
async def live(template: EmbeddedDatabase, place: Path) -> AsyncGenerator[Live]:
    """`rooted serve` on a database of its own, until the module's tests are done."""
    async with served(template, place / "live") as live:
        yield live


@pytest.fixture
async def desk(live: Live) -> Desk:
    """A sandbox tenant whose policies are reviewed where they are kept, with the example's calendar."""
    return await _desk(live, Approval.GIT)


async def _desk(live: Live, approval: Approval) -> Desk:
    tenant = await factories.tenant(live.sessions, sandbox_at=NOON, approval=approval)
    client_id, secret = await factories.application(live.sessions, tenant)
    who = {"ROOTED_URL": live.url, "ROOTED_CLIENT_ID": client_id, "ROOTED_CLIENT_SECRET": secret}

    async def run(*arguments: str | Path, **more: str) -> Result:
        words, env = list(map(str, arguments)), {**live.env, **who, **more}
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=env)

    async with AsyncClient(base_url=live.url, trust_env=False) as http:
        form = {"grant_type": "client_credentials"}
        token = (await http.post("/oauth/token", data=form, auth=(client_id, secret))).json()["access_token"]
        api = Api(live.url, token)
        calendar = json.loads((BY_CASE / "calendar.json").read_bytes())
        await api.post("/v1/calendars", calendar)
    return Desk(tenant, run, api)


def _written(folder: Path, change: Callable[[dict[str, Any]], None], *, name: str = "changed.json") -> Path:
    """The example's policy with a change."""
    content = json.loads((BY_CASE / "policy.json").read_bytes())
    change(content["document"])
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def _hurry(document: dict[str, Any]) -> None:
    """A quarter of an hour for what had a day, and a rule that nothing can match."""
    promises = document["rules"][0]["then"]["promises"]
    promises[1]["target"]["seconds"] = 900
    document["rules"].insert(
        0, {**document["rules"][0], "id": "never", "when": "request.priority == 'never'"}
    )


def _squeeze(document: dict[str, Any]) -> None:
    """The same condition, written without spaces."""
    document["rules"][0]["when"] = document["rules"][0]["when"].replace(" ", "")


async def test_a_log_is_imported_once_and_said_to_be_there_afterwards(desk: Desk) -> None:
    first = await desk.run("history", "import", *LOG, "--name", "June")
    again = await desk.run("history", "import", *LOG, "--name", "June", "--json")
    other = await desk.run("history", "import", *LOG, "--name", "June", "--limit", "2")

    assert first.exit_code == 0, first.output
    assert f"{CASES} cases of the log 'June': {CASES} added." in first.output
    assert "rooted backtest --policy FILE --log June" in first.output
    assert json.loads(again.stdout)["known"] == CASES
    assert other.exit_code == 1
    assert f"complete, of {CASES} cases where the file has 2" in other.output
    (log,) = (await desk.api.get("/v1/history-logs"))["items"]
    assert (log["state"], log["cases"]) == ("complete", CASES)


async def test_a_policy_is_published_once_and_only_when_it_says_something_else(
    desk: Desk, tmp_path: Path
) -> None:
    changed = _written(tmp_path, _hurry)
    reformatted = _written(tmp_path, _squeeze, name="reformatted.json")

    trial = await desk.run("policy", "publish", BY_CASE / "policy.json", "--dry-run")
    none_yet = (await desk.api.get("/v1/policies"))["items"]
    first = await desk.run("policy", "publish", BY_CASE / "policy.json")
    again = await desk.run("policy", "publish", reformatted)
    difference = await desk.run("policy", "publish", changed, "--dry-run")
    second = await desk.run("policy", "publish", changed)

    assert (trial.output.strip(), none_yet) == ("helpdesk-promises: would be created", [])
    assert "helpdesk-promises: version 1 published" in first.output
    assert again.output.strip() == "helpdesk-promises: version 1 is in effect as it stands"
    assert "~ urgent /then/promises/1/target/seconds: 28800 → 900" in difference.output
    assert "+ never" in difference.output
    assert "helpdesk-promises: version 2 published" in second.output
    (policy,) = (await desk.api.get("/v1/policies"))["items"]
    assert (policy["version"], policy["published_version"]) == (2, 2)


async def test_a_policy_takes_effect_at_its_instant(desk: Desk) -> None:
    arguments = ("policy", "publish", BY_CASE / "policy.json", "--effective-at", "2026-01-06T12:00:00Z")

    scheduled = await desk.run(*arguments)
    past = await desk.run("policy", "publish", BY_CASE / "policy.json")

    assert "version 1 scheduled for 2026-01-06T12:00:00Z" in scheduled.output
    assert "version 1 scheduled for 2026-01-06T12:00:00Z" in past.output


async def test_what_members_approve_waits_for_them(live: Live) -> None:
    desk = await _desk(live, Approval.MEMBERS)

    waiting = await desk.run("policy", "publish", BY_CASE / "policy.json")
    still = await desk.run("policy", "publish", BY_CASE / "policy.json")

    assert "helpdesk-promises: version 1 waits for approval" in waiting.output
    assert "helpdesk-promises: version 1 waits for approval" in still.output
    (policy,) = (await desk.api.get("/v1/policies"))["items"]
    assert (policy["stage"], policy["published_version"]) == ("in_review", None)


async def test_a_faulty_policy_is_refused_with_its_place_and_none_takes_effect(
    desk: Desk, tmp_path: Path
) -> None:
    faulty = _written(
        tmp_path, lambda document: document["rules"][0].update(when="request.priorty == 'urgent'")
    )

    refused = await desk.run("policy", "publish", BY_CASE / "policy.json", faulty)

    assert refused.exit_code == 1
    place = f"{faulty}: /document/rules/0/when (rule 'urgent'), line 1, column 9"
    assert f"{place}: There is no fact `request.priorty`" in refused.output
    assert [policy["published_version"] for policy in (await desk.api.get("/v1/policies"))["items"]] == [None]


async def test_a_simulation_says_what_would_follow_and_why_and_changes_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.run("policy", "publish", BY_CASE / "policy.json")
    facts = tmp_path / "facts.json"
    facts.write_text('{"request.priority": "urgent"}')

    found = await desk.run("policy", "simulate", _written(tmp_path, _hurry), "--facts", facts)
    same = await desk.run("policy", "simulate", "helpdesk-promises", "--facts", facts)
    as_json = await desk.run("policy", "simulate", "helpdesk-promises", "--facts", facts, "--json")
    unknown = await desk.run("policy", "simulate", "nobody", "--facts", facts)
    nothing = await desk.run("policy", "simulate", "helpdesk-promises")

    assert found.exit_code == 0, found.output
    assert "resolve in 15 min of working time" in found.output
    assert 'not by rule never (commitment): request.priority == "never" is false' in found.output
    assert "The versions in effect (helpdesk-promises@1) say something else:" in found.output
    assert "The versions in effect say the same." in same.output
    assert json.loads(as_json.output)["differs_from_current"] is False
    assert (unknown.exit_code, nothing.exit_code) == (1, 2)
    assert "The server has no policy 'nobody'; there are helpdesk-promises." in unknown.output
    (policy,) = (await desk.api.get("/v1/policies"))["items"]
    assert policy["version"] == 1


async def test_a_backtest_on_a_server_shows_what_would_change_and_is_a_gate(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.run("history", "import", *LOG)
    await desk.run("policy", "publish", BY_CASE / "policy.json")
    changed, sheet = _written(tmp_path, _hurry), tmp_path / "changes.csv"
    arguments = ("backtest", "--policy", changed, "--log", "log")

    shown = await desk.run(*arguments, "--csv", sheet)
    gated = await desk.run(*arguments, "--max-new-breaches", "0", "--json")
    same = await desk.run(
        "backtest", "--policy", BY_CASE / "policy.json", "--log", "log", "--max-changed", "0"
    )

    assert shown.exit_code == 0, shown.output
    assert f"{CASES} past requests decided anew" in shown.output
    assert "Never matched in helpdesk-promises@document: " in shown.output
    found = json.loads(gated.stdout)
    assert (gated.exit_code, found["state"]) == (1, "done")
    assert found["new_breaches"] > 0
    assert "--max-new-breaches is 0" in found["gates_exceeded"][0]
    assert len(sheet.read_text().splitlines()) >= 1 + found["result"]["changed"] > 1
    assert same.exit_code == 0, same.output


def _short_days(folder: Path) -> Path:
    """The example's calendar with an hour a day."""
    content = json.loads((BY_CASE / "calendar.json").read_bytes())
    content["definition"] = {"tz": "UTC", "weekly": {day: [["09:00", "10:00"]] for day in ("mon", "thu")}}
    path = folder / "short.json"
    path.write_text(json.dumps(content))
    return path


async def test_a_calendar_is_tried_by_itself_on_a_server(desk: Desk, tmp_path: Path) -> None:
    await desk.run("policy", "publish", BY_CASE / "policy.json")
    await desk.run("history", "import", *LOG, "--name", "log")

    tried = await desk.run("backtest", "--try-calendar", _short_days(tmp_path), "--log", "log", "--json")
    refused = await desk.run("backtest", "--try-calendar", BY_CASE / "policy.json", "--log", "log")

    assert tried.exit_code == 0, tried.output
    content = json.loads(tried.stdout)
    assert content["result"]["requests"] == CASES
    assert content["result"]["changes"]["outcome"] > 0
    assert refused.exit_code == 2
    assert "calendar" in refused.output


BOARD = {"gate": "approval", "name": "board", "roles": ["manager"]}


def _a_type(folder: Path, *gates: dict[str, Any], name: str) -> Path:
    """A type that all requests of the log are of."""
    path = folder / name
    document = {"title": "Request", "requires": list(gates)}
    path.write_text(json.dumps({"name": "service_request", "document": document}))
    return path


async def test_a_type_is_tried_by_itself_on_a_server(desk: Desk, tmp_path: Path) -> None:
    await desk.run("history", "import", *LOG, "--name", "log")
    tried = _a_type(tmp_path, BOARD, name="consent.json")

    shown = await desk.run("backtest", "--try-type", tried, "--log", "log")
    gated = await desk.run("backtest", "--try-type", tried, "--log", "log", "--max-changed", "0", "--json")

    assert shown.exit_code == 0, shown.output
    assert "consent of: board" in shown.output
    assert "requires none → approval board" in shown.output
    content = json.loads(gated.stdout)
    assert (gated.exit_code, content["result"]["changes"]["gate"]) == (1, CASES)


async def test_a_backtest_is_started_and_looked_at_again(desk: Desk) -> None:
    await desk.run("history", "import", *LOG)
    started = await desk.run(
        *("backtest", "--policy", BY_CASE / "policy.json", "--log", "log", "--no-wait", "--json")
    )
    backtest_id = json.loads(started.stdout)["id"]

    found = await desk.run("backtest", "--again", backtest_id)

    assert (started.exit_code, found.exit_code) == (0, 0), found.output
    assert f"{CASES} past requests decided anew" in found.output


async def test_a_backtest_that_cannot_be_run_exits_with_two(desk: Desk) -> None:
    tried = ("backtest", "--policy", BY_CASE / "policy.json")

    no_log = await desk.run(*tried, "--log", "nothing")
    no_backtest = await desk.run("backtest", "--again", "01a20490-b413-7321-a89d-acf6560d6e31")

    assert (no_log.exit_code, no_backtest.exit_code) == (2, 2)
    assert "The server has no history log 'nothing'; there is none at all yet." in no_log.output
    assert "404" in no_backtest.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--from", "2026-01-01T00:00:00Z"], "--from and --to go together."),
        ([], "Say on which past requests"),
        (["--log", "x", "--from", "2026-01-01T00:00:00Z"], "Say on which past requests"),
        (["--log", "x", "--against", str(BY_CASE / "policy.json")], "belong to --file"),
        (["--log", "x", "--ladder", str(BY_CASE / "policy.json")], "belong to --file"),
        (["--log", "x", "--type", str(BY_CASE / "policy.json")], "belong to --file"),
        (["--again", "1", "--try-type", str(BY_CASE / "policy.json")], "--again shows a backtest"),
        (["--file", str(BY_CASE / "log.csv")], "--file needs --mapping"),
        ([*LOG, "--no-wait"], "does not go with --file"),
        (["--again", "1"], "--again shows a backtest"),
        (["--log", "x"], "Say which server"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_asked(
    arguments: list[str], reason: str
) -> None:
    words = ["backtest", "--policy", str(BY_CASE / "policy.json"), *arguments]

    refused = CliRunner().invoke(main, words)

    assert refused.exit_code == 2, refused.output
    assert reason in refused.output


async def test_whoever_is_not_known_is_told_so(desk: Desk) -> None:
    wrong = await desk.run("history", "import", *LOG, ROOTED_CLIENT_SECRET="wrong")  # noqa: S106 - of nobody
    token = await desk.run("policy", "publish", BY_CASE / "policy.json", ROOTED_TOKEN="wrong")  # noqa: S106 - nor this
    nobody = await desk.run("history", "import", *LOG, ROOTED_CLIENT_SECRET="")
    nowhere = await desk.run("history", "import", *LOG, ROOTED_URL="")

    assert "The server refused the client id and secret with 401" in wrong.output
    assert "with 401: The access token is not one of ours" in token.output
    assert (wrong.exit_code, token.exit_code) == (1, 1)
    assert "Say who you are" in nobody.output
    assert "Say which server" in nowhere.output
    assert (nobody.exit_code, nowhere.exit_code) == (2, 2)


async def test_a_calendar_is_tried_on_a_log_without_any_server(live: Live, tmp_path: Path) -> None:
    arguments = ("--calendar", BY_CASE / "calendar.json", "--against", BY_CASE / "policy.json")
    words = list(map(str, ("backtest", "--try-calendar", _short_days(tmp_path), *LOG, *arguments, "--json")))

    found = await asyncio.to_thread(CliRunner().invoke, main, words, env=live.env)

    assert found.exit_code == 0, found.output
    content = json.loads(found.stdout)
    assert content["result"]["before"]["rules"].keys() == content["result"]["after"]["rules"].keys()
    assert content["result"]["changes"]["outcome"] > 0


def test_a_backtest_that_tries_nothing_says_what_to_try() -> None:
    refused = CliRunner().invoke(main, ["backtest", "--log", "x"])

    assert refused.exit_code == 2, refused.output
    assert "--policy, --try-calendar or --try-type, each with FILE" in refused.output


async def test_a_policy_is_tried_on_a_log_without_any_server(live: Live, tmp_path: Path) -> None:
    arguments = ("--calendar", BY_CASE / "calendar.json", "--against", BY_CASE / "policy.json")
    changed = _written(tmp_path, _hurry, name="another-name.json")
    words = list(map(str, ("backtest", "--policy", changed, *LOG, *arguments, "--json")))

    found = await asyncio.to_thread(CliRunner().invoke, main, words, env=live.env)

    assert found.exit_code == 0, found.output
    content = json.loads(found.stdout)
    assert content["result"]["requests"] == CASES
    assert content["new_breaches"] > 0
    assert content["result"]["before"]["unmatched"] == content["result"]["after"]["unmatched"]


LADDER: dict[str, Any] = {
    "steps": [
        {"name": "first", "at": {"anchor": "start"}, "tell": [{"rota": "first line"}, {"group": "Desk"}]},
        {"name": "late", "at": {"anchor": "breach"}, "tell": [{"member": "ada@harbour.example"}]},
    ]
}
CLIMBED: dict[str, Any] = {
    "rules": [{"id": "all", "when": "true", "because": "Somebody must know.", "then": {"ladder": "night"}}]
}


@pytest.fixture
def passing(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands make what they need for a while."""
    folder = place / f"passing-{uuid4().hex}"
    folder.mkdir(mode=0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def test_without_any_server_ladders_and_types_come_from_files_and_nothing_is_left(
    live: Live, tmp_path: Path, passing: Path
) -> None:
    ladder, policy = tmp_path / "night.json", tmp_path / "who.json"
    ladder.write_text(json.dumps(LADDER))
    policy.write_text(json.dumps({"kind": "escalation", "document": CLIMBED}))
    standing = _a_type(tmp_path, {"gate": "rollback_plan"}, name="plan.json")
    tried = _a_type(tmp_path, BOARD, name="consent.json")
    arguments = ("--policy", policy, "--ladder", ladder, "--type", standing, "--try-type", tried, "--json")
    words, before = list(map(str, ("backtest", *LOG, *arguments))), await _tenants(live)

    found = await asyncio.to_thread(CliRunner().invoke, main, words, env=live.env)

    assert found.exit_code == 0, found.output
    sides = {side: json.loads(found.stdout)["result"][side] for side in ("before", "after")}
    assert sides["before"]["notices"] == {}
    told = sides["after"]["notices"]["night"]
    assert told["first"]["to"] == {"rota first line": PROMISES, "group Desk": PROMISES}
    assert told["first"]["off_duty"] == {}
    assert told["late"]["told"] > 0
    assert "ladders_unknown" not in sides["after"]
    assert (sides["before"]["gates"], sides["after"]["gates"]) == (
        {"rollback_plan": CASES},
        {"approval": CASES},
    )
    assert _left_in(passing) == []
    assert await _tenants(live) == before


async def test_a_ladder_that_cannot_be_climbed_is_refused_and_nothing_is_left(
    live: Live, tmp_path: Path, passing: Path
) -> None:
    ladder = tmp_path / "night.json"
    ladder.write_text('{"steps": [{"name": "first", "at": {"anchor": "noon"}, "tell": [{"rota": "desk"}]}]}')
    words = list(map(str, ("backtest", "--policy", BY_CASE / "policy.json", *LOG, "--ladder", ladder)))

    refused = await asyncio.to_thread(CliRunner().invoke, main, words, env=live.env)

    assert refused.exit_code == 2, refused.output
    assert "the ladder 'night'" in refused.output
    assert _left_in(passing) == []


def _left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _tenants(live: Live) -> int:
    async with platform_transaction(live.sessions) as platform:
        return len(await tenants.slugs_of_all(platform))

"""Where a command writes to is said in words, and without a password."""

from pathlib import Path

import pytest

from service.cli import running
from service.settings import Settings


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"data_dir": "/srv/rooted"}, "the data folder /srv/rooted"),
        (
            {"database_url": "postgresql+asyncpg://app:hidden@db.example/rooted", "data_dir": "/srv/rooted"},
            "the database postgresql://db.example/rooted",
        ),
        (
            {"database_url": "postgresql+asyncpg://app:hidden@[::1]:6432/promises"},
            "the database postgresql://[::1]:6432/promises",
        ),
        (
            {"database_url": "postgresql+asyncpg://app:hidden@/rooted?host=/run/db&password=hidden"},
            "the database postgresql:///rooted?host=%2Frun%2Fdb",
        ),
        ({"database_url": "nonsense"}, "the database that ROOTED_DATABASE_URL names"),
    ],
)
def test_a_place_is_named(said: dict[str, str], place: str) -> None:
    assert running.place(Settings.model_validate(said)) == place


def test_the_default_folder_is_named_with_the_variable_that_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/of-mine")

    place = running.place(Settings.model_validate({"data_dir": None}))

    assert place == f"the data folder {Path('/srv/of-mine/rooted')} (ROOTED_DATA_DIR names another)"

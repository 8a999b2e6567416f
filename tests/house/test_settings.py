"""The settings that operators read about are those that there are.

After a change: `pytest tests/house/test_settings.py --update-generated`.
"""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from service.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
PREFIX = Settings.model_config.get("env_prefix", "")


def rendered() -> str:
    """Every variable with its meaning and default, each commented out."""
    lines = ["# Every setting of Rooted, with its default. Generated from service/settings.py.", ""]
    for name, field in Settings.model_fields.items():
        default = to_jsonable_python(field.default)
        lines += [f"# {field.description}"] if field.description else []
        lines += [f"# {PREFIX}{name.upper()}={'' if default is None else default}", ""]
    return "\n".join(lines).rstrip() + "\n"


def test_the_example_shows_every_setting(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-generated"):
        EXAMPLE.write_text(rendered())
    assert EXAMPLE.read_text() == rendered(), "run with --update-generated"


SECRET = ("secret", "password", "key", "database_url", "smtp_url")
"""Parts of the names of settings that hold a secret. An address may hold a password."""


def test_every_setting_has_a_default_and_none_is_a_secret_in_clear() -> None:
    Settings.model_validate({})
    in_clear = [
        name
        for name, field in Settings.model_fields.items()
        if any(word in name for word in SECRET) and SecretStr not in get_args(field.annotation)
    ]
    assert in_clear == ["master_key_file"], "which names a file"

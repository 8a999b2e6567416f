"""Types of parameters: each reads one kind of text, and says what is wrong with another."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from service import instants
from service.audit.chain import GENESIS

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read an RFC 3339 moment, such as 2026-01-05T09:00:00Z."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a moment such as 2026-01-05T09:00:00Z: {error}", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone; end it with Z.", param, ctx)
        if not instants.is_usable(moment):
            self.fail(instants.refusal(moment), param, ctx)
        return moment.astimezone(UTC)


class Digest(click.ParamType[bytes]):
    name = "digest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Read a SHA-256 digest in hexadecimal."""
        try:
            digest = bytes.fromhex(value)
        except ValueError as error:
            self.fail(f"{value!r} is not hexadecimal: {error}", param, ctx)
        if len(digest) != len(GENESIS.digest):
            self.fail(f"{value!r} has not the {2 * len(GENESIS.digest)} digits of a digest.", param, ctx)
        return digest

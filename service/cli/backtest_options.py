"""What `rooted backtest` is asked for, and what of it goes together."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from service.remote.sandbox import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for, beside where."""

    policies: tuple[Path, ...]
    tried_calendars: tuple[Path, ...]
    tried_types: tuple[Path, ...]
    log: str | None
    since: datetime | None
    to: datetime | None
    file: Path | None
    mapping: Path | None
    calendars: tuple[Path, ...]
    types: tuple[Path, ...]
    ladders: tuple[Path, ...]
    against: tuple[Path, ...]
    limit: int | None
    again: str | None
    no_wait: bool
    csv: Path | None
    as_json: bool

    @property
    def tried(self) -> tuple[Path, ...]:
        return (*self.policies, *self.tried_calendars, *self.tried_types)

    @property
    def name(self) -> str:
        return ", ".join(path.stem for path in self.tried)[:200]

    @property
    def files(self) -> Files:
        """What a sandbox of our own is made of."""
        return Files(
            policies=self.policies,
            against=self.against,
            calendars=self.calendars,
            tried_calendars=self.tried_calendars,
            types=self.types,
            tried_types=self.tried_types,
            ladders=self.ladders,
        )

    def check(self) -> None:
        """Raises UsageError."""
        histories = (
            self.log is not None,
            self.since is not None or self.to is not None,
            self.file is not None,
        )
        if self.again is not None:
            if self.tried or any(histories):
                raise click.UsageError(
                    "--again shows a backtest that was started; it takes no log and nothing to try."
                )
            return
        if not self.tried:
            raise click.UsageError(
                "Say what is tried: --policy, --try-calendar or --try-type, each with FILE."
            )
        if sum(histories) != 1:
            raise click.UsageError(
                "Say on which past requests: --file LOG with --mapping, --log NAME, or --from and --to."
            )
        if (self.since is None) != (self.to is None):
            raise click.UsageError("--from and --to go together.")
        self._check_sandbox()

    def _check_sandbox(self) -> None:
        only_offline = (self.calendars, self.types, self.ladders, self.against, self.mapping, self.limit)
        if self.file is None and any(only_offline):
            raise click.UsageError(
                "--mapping, --calendar, --type, --ladder, --against and --limit belong to --file."
            )
        if self.file is not None and self.mapping is None:
            raise click.UsageError("--file needs --mapping: how the log is to be read.")
        if self.file is not None and self.no_wait:
            raise click.UsageError("--no-wait needs a server that goes on: it does not go with --file.")

"""What `rooted backtest` is asked for, and what of it goes together."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for, beside where."""

    policies: tuple[Path, ...]
    tried_calendars: tuple[Path, ...]
    log: str | None
    since: datetime | None
    to: datetime | None
    file: Path | None
    mapping: Path | None
    calendars: tuple[Path, ...]
    against: tuple[Path, ...]
    limit: int | None
    again: str | None
    no_wait: bool
    csv: Path | None
    as_json: bool

    @property
    def name(self) -> str:
        return ", ".join(path.stem for path in (*self.policies, *self.tried_calendars))[:200]

    def check(self) -> None:
        """Raises UsageError."""
        histories = (
            self.log is not None,
            self.since is not None or self.to is not None,
            self.file is not None,
        )
        if self.again is not None:
            if self.policies or self.tried_calendars or any(histories):
                raise click.UsageError(
                    "--again shows a backtest that was started; it takes no policy, no calendar and no log."
                )
            return
        if not self.policies and not self.tried_calendars:
            raise click.UsageError("Say what is tried: --policy FILE, --try-calendar FILE, or both.")
        if sum(histories) != 1:
            raise click.UsageError(
                "Say on which past requests: --file LOG with --mapping, --log NAME, or --from and --to."
            )
        if (self.since is None) != (self.to is None):
            raise click.UsageError("--from and --to go together.")
        self._check_sandbox()

    def _check_sandbox(self) -> None:
        if self.file is None and (self.mapping or self.calendars or self.against or self.limit):
            raise click.UsageError("--mapping, --calendar, --against and --limit belong to --file.")
        if self.file is not None and self.mapping is None:
            raise click.UsageError("--file needs --mapping: how the log is to be read.")
        if self.file is not None and self.no_wait:
            raise click.UsageError("--no-wait needs a server that goes on: it does not go with --file.")

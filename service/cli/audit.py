"""The audit trail, verified."""

from collections.abc import Callable

import click

from service import operations
from service.audit import report
from service.audit.verification import Verdict
from service.cli import running
from service.cli.parameters import Digest
from service.clock import SystemClock
from service.settings import Settings


@click.group("audit")
def audit() -> None:
    """The audit trail: who did what, chained so that nothing of it can be changed unnoticed."""


@audit.command("verify")
@click.option("--tenant", "tenant_slug", help="Only this tenant's; all when left out.")
@click.option("--head", type=Digest(), help="The digest of an earlier head, which must be in the chain.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def verify_audit(settings: Settings, *, tenant_slug: str | None, head: bytes | None, as_json: bool) -> None:
    """Compute the chains of audit records anew. Exits 1 where one does not hold, or lacks the --head."""

    async def verify() -> list[tuple[str, Verdict]]:
        async with running.opened(settings) as sessions:
            found = operations.verify_audit(
                sessions, SystemClock(), tenant=tenant_slug, head=head, told=_audit_progress()
            )
            return [each async for each in found]

    if head is not None and tenant_slug is None:
        raise click.UsageError("--head is of one tenant's chain; name it with --tenant.")
    verdicts = running.run(verify())
    if as_json:
        running.print_json({name: report.described(verdict) for name, verdict in verdicts})
    else:
        for name, verdict in verdicts:
            click.echo(report.line(name, verdict))
    if not all(verdict.sound for _, verdict in verdicts):
        raise SystemExit(1)


def _audit_progress() -> Callable[[str, int], None]:
    """Says on standard error how far it has come, every so many links and records."""
    seen: dict[str, int] = {}

    def tell(name: str, count: int) -> None:
        before = seen.get(name, 0)
        seen[name] = before + count
        if seen[name] // report.PROGRESS_EVERY > before // report.PROGRESS_EVERY:
            click.echo(f"{name}: {seen[name]:,} links and records looked at", err=True)

    return tell

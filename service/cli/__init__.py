"""Operator commands: `rooted <command>`, or `python -m service <command>`. Each module holds some of them."""

import click
from pydantic import ValidationError

from service.cli import (
    applications,
    audit,
    backtest,
    history,
    offline,
    people,
    policy,
    processes,
    replay,
    sealed,
    tenants,
)
from service.settings import Settings


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """Rooted: promises for IT operations, their clocks, and why."""
    try:
        context.obj = Settings()
    except ValidationError as error:
        faults = [f"ROOTED_{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors()]
        raise click.UsageError("\n  ".join(["Check the environment.", *faults])) from error


for command in (
    processes.serve,
    processes.worker,
    processes.auditor,
    processes.migrate,
    processes.doctor,
    tenants.tenant,
    people.member,
    people.person,
    people.log_in,
    applications.application,
    sealed.keys,
    sealed.secrets,
    audit.audit,
    offline.calendar,
    offline.rules,
    policy.policy,
    history.history,
    backtest.backtest,
    replay.replay_log,
    replay.demo,
):
    main.add_command(command)

"""Configuration, read once from ROOTED_* variables by the composition roots."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything an operator may change. Read once, at the edge."""

    model_config = SettingsConfigDict(env_prefix="ROOTED_", frozen=True, extra="forbid")

    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql+asyncpg://… of the login role, which owns nothing. Unset: the embedded one.",
    )
    owner_database_url: SecretStr | None = Field(
        default=None,
        description="The owner role, for `rooted migrate` only. Unset: the embedded one's.",
    )
    data_dir: Path | None = Field(
        default=None,
        description="Home of the embedded PostgreSQL. Unset: the user's data folder.",
    )
    master_key_file: Path | None = Field(
        default=None,
        description="File with the master keys, `id:base64` a line, the current one first. Unset, with the "
        "embedded database: master.key in its folder.",
    )
    master_keys: SecretStr | None = Field(
        default=None, description="The same in the environment, when no file is named."
    )
    database_pool_size: int = Field(
        default=8, ge=1, le=200, description="Connections that the API keeps; a worker keeps one more."
    )
    host: str = Field(default="127.0.0.1", description="Where `rooted serve` listens.")
    port: int = Field(default=8080, ge=0, le=65535, description="0 takes a free port.")
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of proxies, separated by commas, that say in X-Forwarded-For who "
        "calls. Unset: nobody is believed, and behind a proxy all who log in count as one address.",
    )
    issuer: str = Field(
        default="http://127.0.0.1:8080",
        description="The public address of this service: issuer and audience of its access tokens.",
    )
    access_token_ttl: timedelta = Field(default=timedelta(minutes=15), description="ISO 8601 or seconds.")
    refresh_token_ttl: timedelta = Field(
        default=timedelta(days=30), description="How long a consent lasts, however often it is used."
    )
    refresh_token_idle: timedelta = Field(
        default=timedelta(days=7), description="After how long without use a consent ends."
    )
    log_in_ttl: timedelta = Field(
        default=timedelta(hours=12), description="How long a person stays logged in, whatever happens."
    )
    log_in_idle: timedelta = Field(
        default=timedelta(hours=1), description="After how long without use a person is logged out."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="smtp://user:password@host:587 or smtps://…. Unset: files in the data folder.",
    )
    mail_from: str = Field(default="rooted@localhost", description="The address that mail comes from.")
    body_bytes_max: int = Field(default=262_144, ge=1_024, description="Largest request body in bytes.")
    rules_engine: Literal["durable", "reference"] = Field(
        default="durable", description="Which engine decides; the other stands in or checks."
    )
    rules_children: int = Field(default=1, ge=1, le=64, description="Child processes of the rules engine.")
    backtest_processes: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Processes in which a worker judges past requests. Unset: one for each core, at most 4.",
    )
    worker_poll_interval: timedelta = Field(
        default=timedelta(milliseconds=250), description="How often a worker looks for due work."
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="Where the auditor says at most every 30 s that all is well: https://, or http:// here. "
        "Unset: nobody is told, and nobody outside notices when it is not.",
    )
    webhooks_allow_loopback: bool = Field(
        default=False,
        description="Let webhooks lead to this machine, by http too. For tests and demonstrations only.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

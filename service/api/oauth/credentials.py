"""What a caller of the token endpoint sent, read strictly and before anything is looked up. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from service.ids import ApplicationId

FIELDS_MAX = 20
FIELD_LENGTH_MAX = 4_096
CREDENTIALS_LENGTH_MAX = 1_024


class RequestMalformed(Exception):
    """The form is not one that RFC 6749 allows; the text says why."""


class CredentialsMalformed(Exception):
    """The credentials cannot be read, so the client is not known."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is.

    Attributes:
        method: how it said so: `client_secret_basic` or `client_secret_post`.
    """

    client: str
    secret: str
    method: str


def parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, each given once; empty ones count as not given (RFC 6749 §3.2).

    Raises:
        RequestMalformed
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise RequestMalformed("Send the fields as application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as error:
        raise RequestMalformed("The form cannot be read: too many fields, or not UTF-8.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RequestMalformed("A field is given twice.")
    if any(len(value) > FIELD_LENGTH_MAX or not value.isprintable() for value in fields.values()):
        raise RequestMalformed("A field is too long, or holds control characters.")
    return {name: value for name, value in fields.items() if value}


def presented(authorization: str | None, fields: Mapping[str, str]) -> Credentials | None:
    """The client's credentials, from the header or from the form, None when there are none.

    Raises:
        RequestMalformed: they come in two ways at once.
        CredentialsMalformed
    """
    if authorization is None:
        if "client_id" not in fields or "client_secret" not in fields:
            return None
        return Credentials(fields["client_id"], fields["client_secret"], "client_secret_post")
    if "client_secret" in fields:
        raise RequestMalformed("Authenticate in one way: by the header, or by the form.")
    return _basic(authorization)


def _basic(authorization: str) -> Credentials:
    """RFC 6749 §2.3.1: both halves are form-encoded before they are joined and encoded in base 64."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > CREDENTIALS_LENGTH_MAX:
        raise CredentialsMalformed
    try:
        joined = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
        client, found, secret = joined.partition(":")
        halves = [unquote_plus(half, errors="strict") for half in (client, secret)]
    except (binascii.Error, ValueError) as error:
        raise CredentialsMalformed from error
    if not found or not all(half.isprintable() and half for half in halves):
        raise CredentialsMalformed
    return Credentials(halves[0], halves[1], "client_secret_basic")


def parse_client(client: str) -> tuple[str, ApplicationId] | None:
    """The slug and the application id in an OAuth client id, None when it cannot be one of ours."""
    slug, found, application = client.rpartition(".")
    try:
        application_id = ApplicationId(UUID(hex=application))
    except ValueError:
        return None
    return (slug, application_id) if found and application_id.hex == application else None

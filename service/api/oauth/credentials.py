"""What a caller of the token endpoint sent, read strictly and before anything is looked up. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from service.api.oauth import assertions
from service.api.oauth.assertions import ASSERTION_TYPE, AssertionRefused
from service.ids import ApplicationId

PUBLIC = "none"
BY_SECRET_IN_HEADER = "client_secret_basic"  # noqa: S105 - the name of a method
BY_SECRET_IN_FORM = "client_secret_post"  # noqa: S105 - the name of a method
BY_ASSERTION = "private_key_jwt"
METHODS = (BY_SECRET_IN_HEADER, BY_SECRET_IN_FORM, BY_ASSERTION, PUBLIC)
ASSERTION_FIELDS = {"client_assertion", "client_assertion_type"}

FORM_TYPE = "application/x-www-form-urlencoded"
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
        method: how it said so; one of METHODS.
        proof: its secret, or its assertion; empty for a public client, which has nothing to prove.
    """

    client: str
    method: str
    proof: str = field(repr=False)


def parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, as `parse_fields` reads them. Raises RequestMalformed."""
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise RequestMalformed(f"Send the fields as {FORM_TYPE}.")
    return parse_fields(body)


def parse_fields(encoded: bytes) -> dict[str, str]:
    """The fields of a form or a query, each given once; empty ones count as not given (RFC 6749 §3.2).

    Raises:
        RequestMalformed
    """
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
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
        RequestMalformed: they come in two ways at once, or name two clients.
        CredentialsMalformed
    """
    ways = (authorization is not None, "client_secret" in fields, bool(ASSERTION_FIELDS & set(fields)))
    if sum(ways) > 1:
        raise RequestMalformed("Authenticate in one way: by the header, by a secret, or by an assertion.")
    found = _read(authorization, fields)
    if found is not None and fields.get("client_id", found.client) != found.client:
        raise RequestMalformed("The field client_id names another client than the credentials.")
    return found


def _read(authorization: str | None, fields: Mapping[str, str]) -> Credentials | None:
    if authorization is not None:
        return _basic(authorization)
    if ASSERTION_FIELDS & set(fields):
        return _asserted(fields)
    if "client_id" not in fields:
        return None
    if "client_secret" in fields:
        return Credentials(fields["client_id"], BY_SECRET_IN_FORM, fields["client_secret"])
    return Credentials(fields["client_id"], PUBLIC, "")


def _asserted(fields: Mapping[str, str]) -> Credentials:
    assertion = fields.get("client_assertion", "")
    if fields.get("client_assertion_type") != ASSERTION_TYPE:
        raise CredentialsMalformed
    try:
        return Credentials(assertions.client_of(assertion), BY_ASSERTION, assertion)
    except AssertionRefused as error:
        raise CredentialsMalformed from error


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
    return Credentials(halves[0], BY_SECRET_IN_HEADER, halves[1])


def parse_client(client: str) -> tuple[str, ApplicationId] | None:
    """The slug and the application id in an OAuth client id, None when it cannot be one of ours."""
    slug, found, application = client.rpartition(".")
    try:
        application_id = ApplicationId(UUID(hex=application))
    except ValueError:
        return None
    return (slug, application_id) if found and application_id.hex == application else None

"""What the OpenAPI document says of the forms that clients send to the authorization server."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.api.oauth.assertions import ASSERTION_TYPE
from service.api.oauth.credentials import FORM_TYPE

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
SECRET: Schema = {**TEXT, "format": "password"}
CREDENTIALS: Mapping[str, Schema] = {
    "client_id": {**TEXT, "description": "Unless the header or an assertion names the client."},
    "client_secret": {**SECRET, "description": "Unless the client authenticates by the header."},
    "client_assertion_type": {**TEXT, "const": ASSERTION_TYPE},
    "client_assertion": {**TEXT, "description": "A JWT that the client has signed (RFC 7523)."},
}
PRESENTED: Mapping[str, Schema] = {
    "token": SECRET,
    "token_type_hint": {**TEXT, "enum": ["access_token", "refresh_token"]},
}
GRANT: Mapping[str, Schema] = {
    "scope": {**TEXT, "description": "Scopes, with spaces between; all when left out."},
    "code": {**SECRET, "description": "For authorization_code."},
    "redirect_uri": {**TEXT, "description": "For authorization_code: as it was when the code was asked for."},
    "code_verifier": {**SECRET, "description": "For authorization_code: of PKCE (RFC 7636)."},
    "refresh_token": {**SECRET, "description": "For refresh_token."},
}


def _form(required: str, *fields: Mapping[str, Schema], kinds: Sequence[str] = ()) -> Schema:
    kind: Schema = {required: {**TEXT, "enum": list(kinds)}} if kinds else {}
    properties = {name: schema for each in (kind, *fields, CREDENTIALS) for name, schema in each.items()}
    schema = {"type": "object", "required": [required], "properties": properties}
    return {"required": True, "content": {FORM_TYPE: {"schema": schema}}}


FORMS: Mapping[str, Schema] = {
    "createToken": _form(
        "grant_type", GRANT, kinds=("authorization_code", "client_credentials", "refresh_token")
    ),
    "revokeToken": _form("token", PRESENTED),
    "introspectToken": _form("token", PRESENTED),
}
"""The request bodies, by the operation's id."""

_REFUSED: Schema = {
    "description": "Refused (RFC 6749 §5.2).",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": TEXT, "error_description": TEXT},
            }
        }
    },
}
REFUSALS: Mapping[str, Schema] = {"400": _REFUSED, "401": _REFUSED, "429": _REFUSED}
"""How the authorization server refuses a form, by status."""

_TOKEN_PLACE = {"tokenUrl": "/oauth/token", "refreshUrl": "/oauth/token"}


def security_scheme(scopes: Mapping[str, str]) -> Schema:
    """How the API's tokens are got."""
    return {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth/authorize",
                **_TOKEN_PLACE,
                "scopes": dict(scopes),
            },
            "clientCredentials": {"tokenUrl": "/oauth/token", "scopes": dict(scopes)},
        },
    }

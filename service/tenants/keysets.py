"""The public keys of an application that signs its assertions: a JSON Web Key Set, read strictly."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from service.errors import Fault

KEYS_MAX = 5
KID_CHARACTERS_MAX = 200
RSA_BITS = range(2_048, 4_097)
RSA_EXPONENT = "AQAB"

ALGORITHMS = {"EC": ("ES256",), "RSA": ("PS256", "RS256")}
"""What an assertion may be signed with, by the type of key."""

MEMBERS = {"EC": frozenset({"crv", "x", "y"}), "RSA": frozenset({"n", "e"})}
OF_EVERY_KEY = frozenset({"kty", "kid", "alg", "use", "key_ops"})
"""Nothing else may be sent along: no private part above all, and no address or certificate to be fetched."""


def faults(jwks: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a key set. Only EC keys on P-256 and RSA keys of 2,048 to 4,096 bits count."""
    keys: object = jwks.get("keys")
    if set(jwks) != {"keys"} or not isinstance(keys, list):
        return [Fault("/jwks", 'A key set is {"keys": […]}, and nothing else.')]
    listed = cast("list[object]", keys)
    if not 0 < len(listed) <= KEYS_MAX:
        return [Fault("/jwks/keys", f"A key set has 1 to {KEYS_MAX} keys.")]
    return [
        Fault(f"/jwks/keys/{index}", detail)
        for index, key in enumerate(listed)
        if (detail := _doubt(key, listed[:index])) is not None
    ]


def thumbprints(jwks: Mapping[str, Any]) -> dict[str, str]:
    """The thumbprint (RFC 7638) of each key of a set without faults, by its `kid`."""
    kinds = {"EC": ECKey, "RSA": RSAKey}
    return {key["kid"]: kinds[key["kty"]].import_key(key).thumbprint() for key in jwks["keys"]}


def _doubt(key: object, before: Sequence[object]) -> str | None:
    if not isinstance(key, dict):
        return "A key is an object (RFC 7517)."
    members = cast("dict[str, object]", key)
    return _doubt_of_members(members) or _doubt_of_name(members, before) or _doubt_of_numbers(members)


def _doubt_of_members(key: Mapping[str, object]) -> str | None:
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in MEMBERS:
        return "`kty` is EC or RSA."
    if unwanted := sorted(set(key) - MEMBERS[kind] - OF_EVERY_KEY):
        return f"Send the public key alone, without {', '.join(unwanted)[:100]}."
    if key.get("alg", ALGORITHMS[kind][0]) not in ALGORITHMS[kind]:
        return f"`alg` is {' or '.join(ALGORITHMS[kind])} for a key of type {kind}."
    if key.get("use", "sig") != "sig" or key.get("key_ops", ["verify"]) != ["verify"]:
        return "The key is for signatures: `use` is sig, `key_ops` is verify alone."
    return None


def _doubt_of_name(key: Mapping[str, object], before: Sequence[object]) -> str | None:
    kid = key.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= KID_CHARACTERS_MAX or not kid.isprintable():
        return f"`kid` names the key: 1 to {KID_CHARACTERS_MAX} printable characters."
    if any(
        isinstance(other, dict) and cast("dict[str, object]", other).get("kid") == kid for other in before
    ):
        return "A key before this one has the same `kid`."
    return None


def _doubt_of_numbers(key: Mapping[str, object]) -> str | None:
    numbers = {name: key.get(name) for name in MEMBERS[cast("str", key["kty"])]}
    if not all(isinstance(value, str) and 0 < len(value) <= RSA_BITS.stop for value in numbers.values()):
        return f"The key's numbers are missing: {', '.join(sorted(numbers))}, in base64url."
    given = cast("dict[str, Any]", {"kty": key["kty"], **numbers})
    try:
        return _doubt_of_curve(given) if key["kty"] == "EC" else _doubt_of_modulus(given)
    except (JoseError, ValueError):
        return "The key cannot be read: its numbers are no base64url, or no key."


def _doubt_of_curve(key: dict[str, Any]) -> str | None:
    if key["crv"] != "P-256":
        return "`crv` is P-256."
    ECKey.import_key(key).public_key.public_numbers()
    return None


def _doubt_of_modulus(key: dict[str, Any]) -> str | None:
    if key["e"] != RSA_EXPONENT:
        return "`e` is AQAB (65537)."
    bits = int.from_bytes(urlsafe_b64decode(key["n"].encode("ascii"))).bit_length()
    if bits not in RSA_BITS:
        return f"The modulus has {bits} bits; 2,048 to 4,096 are allowed."
    RSAKey.import_key(key).public_key.public_numbers()
    return None

"""What tenants may call the things they make. Pure."""

from service.errors import Fault

NAME_CHARACTERS_MAX = 200


def faults_of_name(name: str) -> list[Fault]:
    if name.strip() and name.isprintable() and len(name) <= NAME_CHARACTERS_MAX:
        return []
    return [Fault("/name", f"A name has 1 to {NAME_CHARACTERS_MAX} printable characters.")]

"""Expected failures of this slice."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound


class TenantNotFound(NotFound):
    """There is no such tenant."""

    code = "tenant-not-found"

    def __init__(self, slug: str) -> None:
        super().__init__(f"Tenant {slug!r} does not exist.")


class SlugTaken(Conflict):
    """Another tenant has this slug already."""

    code = "slug-taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"A tenant {slug!r} exists already; choose another slug.")


class ClientNotFound(NotFound):
    """There is no such client organization."""

    code = "client-not-found"

    def __init__(self, client: UUID | str) -> None:
        super().__init__(f"Client {client} does not exist.")


class ServiceNotFound(NotFound):
    """The service register has no such entry."""

    code = "service-not-found"

    def __init__(self, service: UUID | str) -> None:
        super().__init__(f"Service {service} does not exist.")


class NameTaken(Conflict):
    """Another entry of the same register has this name already."""

    code = "name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"The name {name!r} is taken; choose another, or change what bears it.")


class RegistrationInvalid(Invalid):
    """This cannot be registered as it stands. Each entry of `errors` says why."""

    code = "registration-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be registered as it stands.", faults=faults)

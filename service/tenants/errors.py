"""Expected failures of this slice."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound


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


class OwnerNeeded(Forbidden):
    """Only a member lets policies be published without the approval of another."""

    code = "tenant-owner-needed"

    def __init__(self) -> None:
        super().__init__(
            "Recording that policies are reviewed in git takes a member who is an admin: an application could"
            " then publish what nobody has approved."
        )


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


class ContactNotFound(NotFound):
    """There is no such contact, or not for this client organization."""

    code = "contact-not-found"

    def __init__(self, contact: UUID | str) -> None:
        super().__init__(f"Contact {contact} does not exist.")


class ContactExists(Conflict):
    """Another contact of the same client organization has this `external_id` already."""

    code = "contact-exists"

    def __init__(self, external_id: str | None) -> None:
        super().__init__(f"{external_id!r} is another contact already; change that one.")


class ContactInUse(Conflict):
    """Requests name the contact, and go on doing so. Change it, so that it says no more than it has to."""

    code = "contact-in-use"

    def __init__(self, contact_id: UUID) -> None:
        super().__init__(f"Requests name the contact {contact_id}; change what it says instead.")


class ApplicationNotFound(NotFound):
    """There is no such application."""

    code = "application-not-found"

    def __init__(self, application: UUID | str) -> None:
        super().__init__(f"Application {application} does not exist.")


class ApplicationInvalid(Invalid):
    """The application cannot be registered as it stands. Each entry of `errors` says why."""

    code = "application-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The application cannot be registered as it stands.", faults=faults)


class ApplicationRevoked(Conflict):
    """The application was revoked, for good. Create another one."""

    code = "application-revoked"

    def __init__(self, application_id: UUID) -> None:
        super().__init__(f"Application {application_id} is revoked; create another one.")


class ApplicationFixed(Conflict):
    """The console is part of every tenant: it can be neither changed nor revoked."""

    code = "application-fixed"

    def __init__(self) -> None:
        super().__init__(
            "The console belongs to every tenant and stays as it is; create another application."
        )


class ApplicationHasNoSecret(Conflict):
    """Only an application that proves itself by a secret has one that can be replaced."""

    code = "application-has-no-secret"

    def __init__(self, application_id: UUID) -> None:
        super().__init__(f"Application {application_id} does not prove itself by a secret.")


class ScopesBeyondOwn(Forbidden):
    """Nobody gets hold of an application that may do more than they may themselves."""

    code = "scopes-beyond-own"

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"The application would have what you do not have yourself: {', '.join(scopes)}.")


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

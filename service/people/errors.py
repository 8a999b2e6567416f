"""Expected failures of this slice."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unavailable


class MemberNotFound(NotFound):
    """There is no such member."""

    code = "member-not-found"

    def __init__(self, member: UUID | str) -> None:
        super().__init__(f"Member {member} does not exist.")


class GroupNotFound(NotFound):
    """There is no such group."""

    code = "group-not-found"

    def __init__(self, group: UUID | str) -> None:
        super().__init__(f"Group {group} does not exist.")


class GroupMemberNotFound(NotFound):
    """The member is not in this group."""

    code = "group-member-not-found"

    def __init__(self, member: UUID) -> None:
        super().__init__(f"Member {member} is not in this group.")


class MemberInvalid(Invalid):
    """This cannot be recorded of a member as it stands. Each entry of `errors` says why."""

    code = "member-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be recorded of a member as it stands.", faults=faults)


class GroupInvalid(Invalid):
    """This cannot be recorded of a group as it stands. Each entry of `errors` says why."""

    code = "group-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be recorded of a group as it stands.", faults=faults)


class EmailTaken(Conflict):
    """A member of this tenant has this address already."""

    code = "email-taken"

    def __init__(self, email: str) -> None:
        super().__init__(f"A member with the address {email} exists already; change or reactivate that one.")


class GroupNameTaken(Conflict):
    """Another group has this name already."""

    code = "group-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A group {name!r} exists already; choose another name.")


class LastAdmin(Conflict):
    """The tenant would be without an active admin."""

    code = "last-admin"

    def __init__(self) -> None:
        super().__init__("This is the last active admin; make another member admin first.")


class OwnRoles(Forbidden):
    """Nobody changes the own roles."""

    code = "own-roles"

    def __init__(self) -> None:
        super().__init__("Nobody changes the own roles; another admin can.")


class MemberNotInvited(Conflict):
    """The member has accepted an invitation already, or is deactivated."""

    code = "member-not-invited"

    def __init__(self, member: UUID) -> None:
        super().__init__(
            f"Member {member} does not wait for an invitation: it is active, or has to be reactivated first."
        )


class MemberDeactivated(Conflict):
    """The member is deactivated, and can be given nothing to do."""

    code = "member-deactivated"

    def __init__(self, member: UUID) -> None:
        super().__init__(f"Member {member} is deactivated; reactivate it first.")


class InvitationNotFound(NotFound):
    """The invitation was used, withdrawn or replaced, has expired, or never was."""

    code = "invitation-not-found"

    def __init__(self) -> None:
        super().__init__("This invitation does not count any more; ask who sent it for a new one.")


class InvitationForAnother(Forbidden):
    """The invitation is for somebody else than who is logged in."""

    code = "invitation-for-another"

    def __init__(self) -> None:
        super().__init__("This invitation is for another address; log in with that one.")


class AccountExists(Conflict):
    """The address has an account already: its owner logs in to accept."""

    code = "account-exists"

    def __init__(self) -> None:
        super().__init__("There is an account with this address; log in with it to accept.")


class PersonNotFound(NotFound):
    """There is no account with this address."""

    code = "person-not-found"

    def __init__(self, email: str) -> None:
        super().__init__(f"There is no account {email}.")


class PasswordUnfit(Invalid):
    """This password, or name, cannot be taken. Each entry of `errors` says why."""

    code = "password-unfit"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be taken as it stands.", faults=faults)


class TotpAlreadyOn(Conflict):
    """Another authenticator is in use."""

    code = "totp-already-on"

    def __init__(self) -> None:
        super().__init__("An authenticator is in use already; remove it first.")


class PasswordsBusy(Unavailable):
    """More passwords are being checked than this process will at once."""

    code = "passwords-busy"

    def __init__(self) -> None:
        super().__init__("Too many people log in at this moment; try again in a few seconds.")

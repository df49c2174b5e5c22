"""The failures that auth expects."""

from __future__ import annotations

from collections.abc import Iterable

from stoa.kit import problems
from stoa.kit.nearest import choose


class EmailTaken(problems.Conflict):
    title = "This e-mail address has an account"
    slug = "email-taken"

    def __init__(self) -> None:
        super().__init__("Sign in with it, or register another address.", field="email")


class UnusablePassword(problems.Unprocessable):
    title = "The password is not acceptable"
    slug = "unusable-password"


class UnusableHash(problems.Unprocessable):
    title = "Not a password hash that can be checked"
    slug = "unusable-hash"

    def __init__(self, field: str) -> None:
        super().__init__("Give argon2id or bcrypt in its usual text form, of bearable cost.", field=field)


class UnknownRole(problems.Unprocessable):
    slug = "unknown-role"

    def __init__(self, field: str, role: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no role {role!r}; {choose(role, known)}.", field=field)


class WrongCredentials(problems.Unauthorized):
    """The same for an address without an account: nobody learns here who is a customer."""

    title = "E-mail or password is wrong"
    slug = "wrong-credentials"

    def __init__(self) -> None:
        super().__init__("There is no account with this e-mail address and password.")


class WrongPassword(problems.Forbidden):
    """Not 401: the session is good, and a client that signs out on 401 would do so for a slip of the finger."""

    title = "The current password is wrong"
    slug = "wrong-password"

    def __init__(self) -> None:
        super().__init__("Nothing was changed.", field="current_password")


class AccountDisabled(problems.Forbidden):
    """Told only to who has proven the password."""

    title = "The account is disabled"
    slug = "account-disabled"

    def __init__(self) -> None:
        super().__init__("Ask the shop's staff.")


class TooManyGuesses(problems.TooManyRequests):
    title = "Too many wrong passwords"
    slug = "too-many-guesses"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Try again in {retry_after} s.", retry_after_seconds=retry_after)


class ProveAddress(problems.Forbidden):
    """The same whether or not the address has an account: the mail says which."""

    title = "Prove that the e-mail address is yours"
    slug = "prove-address"

    def __init__(self) -> None:
        super().__init__("A mail is on its way to it. Register once more, with the code in it.", field="code")


class TooManyMails(problems.TooManyRequests):
    """The same whether or not the address has an account."""

    title = "Too many mails were asked for from your network"
    slug = "too-many-mails"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Try again in {retry_after} s.", retry_after_seconds=retry_after)


class WrongCode(problems.Unprocessable):
    """The same for a code that was used, is too old, or was never sent."""

    title = "The code is not the one in the mail"
    slug = "wrong-code"

    def __init__(self) -> None:
        super().__init__("A code is good once, and for an hour. Leave it out to register without one.", field="code")


class TooBusy(problems.Unavailable):
    title = "Too many passwords to check at once"
    slug = "too-busy"

    def __init__(self) -> None:
        super().__init__("Try again in a moment.", retry_after_seconds=1)


class InvalidRefreshToken(problems.Unauthorized):
    """Unknown, expired, used before, or of a session that has ended: the way on is to sign in."""

    title = "The refresh token is not valid"
    slug = "invalid-refresh-token"

    def __init__(self) -> None:
        super().__init__("Sign in again.", field="refresh_token")


class RefreshedMeanwhile(problems.Conflict):
    title = "The session was refreshed just now"
    slug = "refreshed-meanwhile"

    def __init__(self) -> None:
        super().__init__("Use the tokens that the other request was given.", field="refresh_token")


class NoSuchUser(problems.NotFound):
    title = "No such user"
    slug = "user-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class NoLongerAllowed(problems.Forbidden):
    """The token says that the caller may, the account does not: somebody was faster."""

    title = "The caller may not do this any more"
    slug = "no-longer-allowed"

    def __init__(self) -> None:
        super().__init__("Nothing was changed.")


class BeyondOneself(problems.Forbidden):
    """Or whoever may give roles would give themselves, by another account, everything."""

    title = "The caller does not hold all of what this gives or takes"
    slug = "beyond-oneself"

    def __init__(self) -> None:
        super().__init__("Nobody gives or takes what they do not hold, nor changes who holds more.")


class NoSuchRole(problems.NotFound):
    title = "No such role"
    slug = "role-not-found"

    def __init__(self) -> None:
        super().__init__("There is no role of this name.")


class RoleTaken(problems.Conflict):
    title = "There is a role of this name"
    slug = "role-taken"

    def __init__(self) -> None:
        super().__init__("Change it, or choose another name.", field="name")


class BuiltInRole(problems.Conflict):
    title = "This role comes with every shop"
    slug = "built-in-role"

    def __init__(self) -> None:
        super().__init__("It cannot be removed, and what admin allows is everything.")


class RoleInUse(problems.Conflict):
    title = "Somebody has this role"
    slug = "role-in-use"

    def __init__(self) -> None:
        super().__init__("Give those accounts other roles first.")


class UnknownPermission(problems.Unprocessable):
    title = "No such permission"
    slug = "unknown-permission"

    def __init__(self, field: str) -> None:
        super().__init__("See /auth/permissions for those that there are.", field=field)


class LastAdmin(problems.Conflict):
    title = "The last admin's account cannot be deleted"
    slug = "last-admin"

    def __init__(self) -> None:
        super().__init__("Make somebody else an admin first.")


class NotOneself(problems.Conflict):
    """Whoever is the last admin cannot lock the shop's door from outside."""

    title = "An admin cannot do this to their own account"
    slug = "not-oneself"

    def __init__(self) -> None:
        super().__init__("Ask another admin.")


class NoSuchSeller(problems.NotFound):
    title = "No such seller"
    slug = "seller-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such seller.")


class NoSuchMember(problems.NotFound):
    title = "No such member"
    slug = "member-not-found"

    def __init__(self) -> None:
        super().__init__("This user does not act for the seller.")


class NotTheirManager(problems.Forbidden):
    title = "The caller is no manager of this seller"
    slug = "not-their-manager"

    def __init__(self) -> None:
        super().__init__("Ask one of its managers.")


class TooManySellers(problems.Conflict):
    title = "This user acts for too many sellers, or has too many roles"
    slug = "too-many-sellers"

    def __init__(self) -> None:
        super().__init__("Take them out of another one first.")


class NoSuchGroup(problems.NotFound):
    title = "There is no such customer group"
    slug = "group-not-found"

    def __init__(self) -> None:
        super().__init__("There is no customer group of this name.", field="name")


class NotInGroup(problems.NotFound):
    title = "No such member"
    slug = "not-in-group"

    def __init__(self) -> None:
        super().__init__("This user is not in the customer group.")


class GroupTaken(problems.Conflict):
    title = "There is a customer group of this name"
    slug = "group-taken"

    def __init__(self) -> None:
        super().__init__("Choose another name.", field="name")


class GroupInUse(problems.Conflict):
    title = "Somebody is in the customer group"
    slug = "group-in-use"

    def __init__(self) -> None:
        super().__init__("Take its members out first.")


class TooManyGroups(problems.Conflict):
    title = "This user is in too many customer groups"
    slug = "too-many-groups"

    def __init__(self, most: int) -> None:
        super().__init__(f"A user is in at most {most}: take them out of another one first.", most=most)

"""Make an administrator, or let one in again, when nobody who is one can.

    stoa admin add ada@shop.example         a new account, with a password made here
    stoa admin grant ada@shop.example       an account that is there becomes an administrator's as well
    stoa admin reset ada@shop.example       another password, made here; every session of the account ends

The password is printed, once, or written into a new file of mode 0600 with --to. Change it after the first login.
What is done here is kept among the staff's acts, as the operator's.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import argon2
from rich.markup import escape

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.kit import problems
from stoa.kit.db import Database
from stoa.runtime import files
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure

FIRST = "SELECT email FROM users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL ORDER BY id LIMIT 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=["add", "grant", "reset"])
    parser.add_argument("email", help="of the account")
    parser.add_argument("--reason", type=installation.reason, default="", help="why; kept with the act")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write the password into this new file, not here")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Do it beside a shop that runs, or to one that does not run at the moment; its databases must be there."""
    here = installation.installation_of(arguments)
    configure_logs("admin", read_settings(here.environ))
    if arguments.to is not None and arguments.to.exists():
        raise Failure(f"{arguments.to} is there already", "choose another file with --to")
    email, reason = arguments.email, arguments.reason or f"stoa admin {arguments.act}"
    async with here.existing() as access, whole_system(access, here.environ) as channel_to:
        auth = AuthServiceStub(channel_to("auth"))
        if arguments.act == "grant":
            with _refusals(email):
                answer = await auth.GrantRole(auth_pb2.GrantRoleRequest(email=email, role="admin", reason=reason))
            said = "is an administrator now" if answer.changed else "was an administrator already"
            console.say(f"{escape(email)} {said}.")
            return
        password, hashed = await new_password()
        text = f"email: {email}\npassword: {password}\n"
        with _kept_first(arguments.to, text), _refusals(email):
            if arguments.act == "add":
                if (await auth.ImportUsers(administrator(email, hashed, reason))).added == 0:
                    raise Failure(
                        f"{email} has an account already",
                        "`stoa admin grant` makes it an administrator's, `stoa admin reset` gives it another password",
                    )
            else:
                await auth.ResetPassword(
                    auth_pb2.ResetPasswordRequest(email=email, password_hash=hashed, reason=reason)
                )
        if arguments.to is None:
            console.say(f"The password of {escape(email)} is {escape(password)}")
        else:
            console.say(f"The password of {escape(email)} is in {escape(str(arguments.to))}.")
        _renew(here, email, text)


async def an_administrator(access: Access) -> str | None:
    """The e-mail address of one, the first that was made; None where nobody can sign in as administrator.

    Raises a `Problem` where auth's database does not answer.
    """
    auth = Database("auth", access.dsn_of(SERVICES["auth"]), 1)
    try:
        email: str | None = await auth.fetchval(FIRST)
    finally:
        await auth.close()
    return email


def administrator(email: str, hashed: str, reason: str) -> auth_pb2.ImportUsersRequest:
    """What asks auth for such an account; nothing happens where there is one of that address."""
    user = auth_pb2.ImportUsersRequest.NewUser(
        email=email, first_name="Ada", last_name="Administrator", password_hash=hashed, roles=["admin"]
    )
    return auth_pb2.ImportUsersRequest(users=[user], reason=reason)


async def new_password() -> tuple[str, str]:
    """A password that nobody guesses, and the hash by which auth will know it."""
    password = secrets.token_urlsafe(12)
    return password, await asyncio.to_thread(argon2.PasswordHasher().hash, password)


@contextmanager
def _kept_first(to: Path | None, text: str) -> Iterator[None]:
    """The password is kept before the account has it: whatever happens between, nobody is locked out.

    A refusal takes the file away again. Where nobody knows whether the account has the password, it stays.
    """
    if to is not None:
        files.write(to, text)
    try:
        yield
    except Failure:
        if to is not None:
            to.unlink()
        raise


@contextmanager
def _refusals(email: str) -> Iterator[None]:
    """What auth refuses, in a line for the terminal."""
    try:
        yield
    except problems.NotFound:
        raise Failure(f"{email} has no account", f"make one with `stoa admin add {email}`") from None
    except problems.Forbidden:
        raise Failure(
            f"the account of {email} is disabled", "have an administrator enable it, or add another"
        ) from None
    except problems.Unprocessable:
        raise Failure(f"{email} is not an e-mail address that mail could reach", "see how it is written") from None


def _renew(here: Installation, email: str, text: str) -> None:
    """What the first start wrote down of this account would be wrong from now on."""
    kept = files.read(here.data_dir.admin)
    if kept is not None and f"email: {email}" in kept.splitlines():
        files.write(here.data_dir.admin, text)

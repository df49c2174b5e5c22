"""Make an account, give one a role, or let one in again; beside a shop that runs, or where nobody else can.

    stoa user create ada@shop.example --role admin      a new account, with a password made here
    stoa user grant ada@shop.example admin              an account that is there has this role as well
    stoa user reset-password ada@shop.example           another password, made here; every session of the account ends

No password is ever on a command line. It is printed, once, or written into a new file of mode 0600 with --to. Change it
after the first login. What is done here is kept among the staff's acts, as the operator's.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceAsyncStub

FIRST = "SELECT email FROM users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL ORDER BY id LIMIT 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    acts = parser.add_subparsers(dest="act", metavar="act", required=True)
    create = acts.add_parser("create", help="a new account, with a password made here")
    create.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="may be repeated; default: customer"
    )
    create.add_argument("--first-name", default="")
    create.add_argument("--last-name", default="")
    grant = acts.add_parser("grant", help="an account that is there has a role as well; its sessions end")
    reset = acts.add_parser("reset-password", help="another password, made here; every session of the account ends")
    for each in (create, grant, reset):
        each.add_argument("email", help="of the account")
        each.add_argument("--reason", type=installation.reason, default="", help="why; kept with the act")
        installation.add_to_act(each)
    grant.add_argument("role", help="such as admin or seller")
    for each in (create, reset):
        each.add_argument("--to", type=Path, metavar="FILE", help="write the password into this new file, not here")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Do it beside a shop that runs, or to one that does not run at the moment; its databases must be there."""
    here = installation.installation_of(arguments)
    configure_logs("user", read_settings(here.environ))
    if arguments.act != "grant" and arguments.to is not None and arguments.to.exists():
        raise Failure(f"{arguments.to} is there already", "choose another file with --to")
    reason = arguments.reason or f"stoa user {arguments.act}"
    async with here.existing() as access, whole_system(access, here) as channel_to:
        auth = AuthServiceStub(channel_to("auth"))
        if arguments.act == "grant":
            await _grant(auth, arguments.email, arguments.role, reason, console)
            return
        password, hashed = await new_password()
        text = f"email: {arguments.email}\npassword: {password}\n"
        with _kept_first(arguments.to, text), _refusals(arguments.email):
            if arguments.act == "create":
                await _create(auth, arguments, hashed, reason)
            else:
                asked = auth_pb2.ResetPasswordRequest(email=arguments.email, password_hash=hashed, reason=reason)
                await auth.ResetPassword(asked)
        _renew(here, arguments.email, text)
        if arguments.to is None:
            _say_password(arguments.email, password)
        else:
            console.say(f"The password of {escape(arguments.email)} is in {escape(str(arguments.to))}.")


async def _create(auth: AuthServiceAsyncStub, asked: argparse.Namespace, hashed: str, reason: str) -> None:
    user = auth_pb2.ImportUsersRequest.NewUser(
        email=asked.email,
        first_name=asked.first_name,
        last_name=asked.last_name,
        password_hash=hashed,
        roles=asked.role,
    )
    if (await auth.ImportUsers(auth_pb2.ImportUsersRequest(users=[user], reason=reason))).added == 0:
        raise Failure(
            f"{asked.email} has an account already",
            "`stoa user grant` gives it a role, `stoa user reset-password` another password",
        )


async def _grant(auth: AuthServiceAsyncStub, email: str, role: str, reason: str, console: Console) -> None:
    with _refusals(email):
        answer = await auth.GrantRole(auth_pb2.GrantRoleRequest(email=email, role=role, reason=reason))
    said = "has the role {} now" if answer.changed else "had the role {} already"
    console.say(f"{escape(email)} {escape(said.format(role))}.")


async def first_administrator(access: Access) -> str | None:
    """The e-mail address of one, the first that was made; None where nobody can sign in as administrator.

    Raises a `Problem` where auth's database does not answer.
    """
    auth = Database("auth", access.dsn_of(SERVICES["auth"]), 1)
    try:
        email: str | None = await auth.fetchval(FIRST)
    finally:
        await auth.close()
    return email


def import_of_administrator(email: str, hashed: str, reason: str) -> auth_pb2.ImportUsersRequest:
    """What asks auth for such an account; nothing happens where there is one of that address."""
    user = auth_pb2.ImportUsersRequest.NewUser(
        email=email, first_name="Ada", last_name="Administrator", password_hash=hashed, roles=["admin"]
    )
    return auth_pb2.ImportUsersRequest(users=[user], reason=reason)


async def new_password() -> tuple[str, str]:
    """A password that nobody guesses, and the hash by which auth will know it."""
    password = secrets.token_urlsafe(12)
    return password, await asyncio.to_thread(argon2.PasswordHasher().hash, password)


def _say_password(email: str, password: str) -> None:
    """Raises `Failure` where nobody can have read it: the account has it all the same."""
    try:
        print(f"The password of {email} is {password}", flush=True)
    except OSError as error:
        raise Failure(
            f"the account of {email} has a new password, and that could not be said here: {error.strerror}",
            f"make another with `stoa user reset-password {email} --to FILE`",
        ) from None


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
        raise Failure(f"{email} has no account", f"make one with `stoa user create {email}`") from None
    except problems.Forbidden:
        raise Failure(
            f"the account of {email} is disabled", "have an administrator enable it, or make another"
        ) from None
    except problems.Unprocessable as problem:
        if problem.type == f"{problems.TYPE_BASE}unknown-role":
            raise Failure(*problem.detail.rstrip(".").split("; ", 1)) from None
        raise Failure(f"{email} is not an e-mail address that mail could reach", "see how it is written") from None


def _renew(here: Installation, email: str, text: str) -> None:
    """What the first start wrote down of this account would be wrong from now on."""
    kept = files.read(here.data_dir.admin)
    if kept is not None and f"email: {email}" in kept.splitlines():
        files.write(here.data_dir.admin, text)

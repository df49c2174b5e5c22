"""Make the next key that signs access tokens now, instead of when it is due.

It is published at once and signs after its lead, so nobody notices. For a key that leaked, --withdraw-others:
the new key signs at once, and the access tokens of all others are refused everywhere within minutes.
"""

from __future__ import annotations

import argparse

from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.contracts.auth.v1.auth_pb2 import RotateSigningKeyRequest
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("--withdraw-others", action="store_true", help="for a key that leaked")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    here = installation.installation_of(arguments)
    configure_logs("rotate-key", read_settings(here.environ))
    async with here.existing() as access, whole_system(access, here) as channel_to:
        request = RotateSigningKeyRequest(withdraw_others=arguments.withdraw_others)
        answer = await AuthServiceStub(channel_to("auth")).RotateSigningKey(request)
    console.say(f"The next key is {answer.key_id}.")

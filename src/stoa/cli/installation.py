"""What every command is told: where the data is, which topology, and which database server."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stoa.app import SERVICES, STORED
from stoa.kit import settings as settings_of
from stoa.kit.settings import BadSetting
from stoa.kit.text import LINE
from stoa.runtime import files
from stoa.runtime import secrets as secrets_of
from stoa.runtime.access import Access, checked_name, checked_url, urls_given, variable_of_url, without_password
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure
from stoa.runtime.kept_files import KeptFiles, kept_files
from stoa.runtime.postgres import MOST_LOOK_SECONDS, Postgres, cluster_of, dsn_of_running, major_of
from stoa.runtime.provision import Unreachable, check_server, known_roles
from stoa.runtime.secrets import Secrets
from stoa.runtime.topology import Address, ProcessPlan
from stoa.runtime.watch import watching

DATA_DIR = ".stoa"
TOPOLOGY = "all-in-one"
LONGEST_REASON = 500


@dataclass(frozen=True)
class Installation:
    """`database_url` is empty for the embedded server, `given_name` where the data directory or the default says it."""

    data_dir: DataDir
    topology: str
    database_url: str = field(repr=False)
    given_name: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """With which its databases and roles begin. Raises `Failure` where it is not the one that was given."""
        return self.data_dir.name(self.given_name)

    @property
    def given(self) -> dict[str, str]:
        """The URLs of the services that have one of their own. Raises `Failure` for one that is not the service's."""
        return urls_given(self.environ, STORED, self.name)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the databases are on a server of one's own: its administrator's URL is known, or each service's."""
        return bool(self.database_url) or self._all_given

    @contextlib.asynccontextmanager
    async def own(
        self, *, new_secret: bool = False, probes: Mapping[str, Address] | None = None
    ) -> AsyncIterator[Access]:
        """Be the one that runs this installation: alone in the data directory, with the database server up.

        `probes` is where its processes will answer their operators, by their names.

        The embedded server is started, watched and, at the end of the block, stopped. The secret is made where there
        is none, but not over databases that were made with another, unless a `new_secret` is what is wanted.
        """
        name = self.name
        with self.data_dir.open(name, probes):
            given = self.given
            if self.database_url:
                await check_server(self.database_url)
            elif given:
                raise Failure(
                    f"{variable_of_url(next(iter(given)))} is given, and the database server would be the embedded one",
                    "give the server's with --database-url, or take it out",
                )
            self._close_secrets()
            if not (self.database_url and new_secret):
                await self.check_secret()
            secrets = secrets_of.load_or_make(self.data_dir.secrets, self.environ)
            if self.database_url:
                yield Access(self.database_url, secrets, name, given)
                return
            server = Postgres(self.data_dir.postgres, secrets.superuser)
            try:
                await server.start()
                await self.check_server(server.dsn())
                looking = watching(
                    "the database server", server.look, every_seconds=0.2, most_seconds=MOST_LOOK_SECONDS
                )
                async with looking:
                    yield Access(server.dsn(), secrets, name)
            finally:
                await server.stop()

    async def found(self) -> Access | None:
        """The server that runs already, or was given; None where the embedded one does not run."""
        given = self.given
        if self.is_elsewhere:
            return self._elsewhere(given, STORED)
        if not self._secret_is_known:
            return None
        secrets = secrets_of.load(self.data_dir.secrets, self.environ)
        dsn = dsn_of_running(self.data_dir.postgres, secrets.superuser)
        return Access(dsn, secrets, self.name, given) if dsn else None

    def _elsewhere(self, given: Mapping[str, str], services: Collection[str]) -> Access:
        """A machine of a cluster may have no data directory: then the secret is in the environment, or none is needed
        because each of the services has a URL of its own."""
        if self._secret_is_known or len(given) < len(services):
            secrets = secrets_of.load(self.data_dir.secrets, self.environ)
        else:
            secrets = Secrets("", secrets_of.words_given(self.environ))
        return Access(self.database_url or next(iter(given.values()), ""), secrets, self.name, given)

    @contextlib.asynccontextmanager
    async def reach(self, *, new_secret: bool = False) -> AsyncIterator[Access]:
        """The server that runs, or one that we start for the block."""
        running = await self.found() if self._secret_is_known or self._all_given else None
        if running is not None:
            if self.database_url or not self._all_given:
                await self.check_server(running.dsn)
            yield running
            return
        async with self.own(new_secret=new_secret) as access:
            yield access

    @contextlib.asynccontextmanager
    async def existing(self) -> AsyncIterator[Access]:
        """The same for what makes no shop of its own. Raises `Failure` where there is none: a typing error, mostly."""
        self._check_exists()
        async with self.reach() as access:
            yield access

    async def need(self) -> Access:
        """The server that runs. Raises `Failure` where none does."""
        self._check_exists()
        self._close_secrets()
        running = await self.found()
        if running is None:
            raise Failure(
                f"no database server runs on {self.data_dir.path}",
                "start the shop with `stoa up`, the server alone with `stoa postgres`, or give one with --database-url",
            )
        if not self.is_elsewhere:
            await self.check_server(running.dsn)
        return running

    async def need_for(self, plan: ProcessPlan) -> Access:
        """The same for one process, which may have been given what is its own and nothing else."""
        words = secrets_of.words_of(gateway=plan.gateway)
        some = self._check_given(plan.databases, words)
        given = urls_given(self.environ, plan.databases, self.name)
        alone = some and len(given) == len(plan.databases)
        return self._elsewhere(given, plan.databases) if alone else await self.need()

    def _check_given(self, services: Collection[str], words: Collection[str] = ()) -> bool:
        """Whether something was given one by one. Raises `Failure` where that is not all, and the rest cannot be
        derived."""
        secret = self._secret_is_known
        server = bool(self.database_url) or cluster_of(self.data_dir.postgres).exists()
        needed = dict.fromkeys(map(variable_of_url, services), secret and server) | dict.fromkeys(words, secret)
        given = [variable for variable in needed if self.environ.get(variable)]
        lacking = [variable for variable, derived in needed.items() if not derived and variable not in given]
        if given and lacking:
            raise Failure(
                f"there is {given[0]}, and no {', '.join(lacking)}, nor both STOA_DATABASE_URL and "
                f"{secrets_of.VARIABLE} to derive the rest from",
                "set what `stoa secrets --process NAME` prints for the process",
            )
        return bool(given)

    def _close_secrets(self) -> None:
        for file in (self.data_dir.secrets, self.data_dir.admin):
            files.close(file)

    def _check_exists(self) -> None:
        if self._all_given:
            return
        if self.database_url:
            secrets_of.load(self.data_dir.secrets, self.environ)
            return
        self._check_given(STORED)
        exists = bool(major_of(cluster_of(self.data_dir.postgres)))
        if exists and not self._secret_is_known:
            raise self._secret_is_lost()
        if not exists:
            raise Failure(
                f"there is no shop in {self.data_dir.path}", "choose another --data-dir, or make one with `stoa up`"
            )

    async def check_server(self, dsn: str) -> str:
        """The server's version. Raises `Failure` for one that is too old, or was made with another secret."""
        try:
            return await check_server(dsn)
        except Unreachable as unreachable:
            if self.database_url or not unreachable.refused:
                raise
            given = secrets_of.VARIABLE if self.environ.get(secrets_of.VARIABLE) else str(self.data_dir.secrets)
            raise Failure(
                f"the database in {self.data_dir.postgres} was made with another secret than {given}",
                f"restore the {self.data_dir.secrets} that it was made with",
            ) from None

    async def check_secret(self) -> None:
        """Raises `Failure` where there is none, and databases that were made with it."""
        if self._secret_is_known:
            return
        if not self.database_url:
            if cluster_of(self.data_dir.postgres).exists():
                raise self._secret_is_lost()
        elif await known_roles(self.database_url, (f"{self.name}_{each}" for each in STORED.keys() - self.given)):
            raise Failure(
                f"there is no {self.data_dir.secrets}, and the server has roles of {self.name}, made with another",
                f"restore it, or set {secrets_of.VARIABLE}, or choose another --name for another installation; "
                "if it is lost, `stoa migrate --new-secret` makes a new one",
            )

    def _secret_is_lost(self) -> Failure:
        return Failure(
            f"{self.data_dir.secrets} is gone, and the database in {self.data_dir.postgres} was made with it",
            "restore it from a backup, or choose another --data-dir for another shop",
        )

    @property
    def _all_given(self) -> bool:
        return all(self.environ.get(variable_of_url(service)) for service in STORED)

    @property
    def _secret_is_known(self) -> bool:
        return bool(self.environ.get(secrets_of.VARIABLE)) or self.data_dir.secrets.exists()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir", type=_folder, default=os.environ.get("STOA_DATA_DIR") or DATA_DIR, help="default: %(default)s"
    )
    parser.add_argument(
        "--topology",
        default=os.environ.get("STOA_TOPOLOGY") or TOPOLOGY,
        help="a name from topologies/ or the path of a file; default: %(default)s",
    )
    parser.add_argument(
        "--database-url",
        default=os.environ.get("STOA_DATABASE_URL", ""),
        metavar="URL",
        help="a PostgreSQL ≥ 15, as somebody who may create roles; default: the embedded server",
    )
    parser.add_argument(
        "--name",
        default=os.environ.get("STOA_NAME", ""),
        help="the installation's: its databases and roles begin with it; default: the data directory's, else stoa",
    )


def options_of(arguments: argparse.Namespace) -> list[str]:
    """The options by which another command finds the same shop, whatever stands in its environment. The password of a
    database is not told: whoever sends it says it again."""
    url = arguments.database_url
    said = {
        "--data-dir": "" if str(arguments.data_dir) == DATA_DIR else str(arguments.data_dir),
        "--topology": "" if arguments.topology == TOPOLOGY else arguments.topology,
        "--database-url": "" if url == os.environ.get("STOA_DATABASE_URL", "") else without_password(url, url),
        "--name": arguments.name,
    }
    return [word for option, value in said.items() if value for word in (option, value)]


def add_to_act(parser: argparse.ArgumentParser) -> None:
    """The same options behind the act of a command that has acts: what stands nowhere there is as before it."""
    parser.add_argument("--data-dir", type=_folder, default=argparse.SUPPRESS, help="as for every command")
    for option in ("--topology", "--database-url", "--name"):
        parser.add_argument(option, default=argparse.SUPPRESS, help="as for every command")


def installation_of(arguments: argparse.Namespace) -> Installation:
    """Raises `Failure` for a data directory that we may not even look into."""
    path: Path = arguments.data_dir
    try:
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{nearest} is no folder")
        (path / "layout").exists()
    except OSError as error:
        raise Failure(
            f"the data directory {path} cannot be used: {error.strerror}",
            f"{files.mend_of(error)}, or choose another with --data-dir",
        ) from None
    database_url = checked_url(arguments.database_url) if arguments.database_url else ""
    name = checked_name(arguments.name) if arguments.name else ""
    return Installation(DataDir(path), arguments.topology, database_url, name, os.environ)


def files_of(here: Installation) -> KeptFiles:
    """Where its files are kept. Raises `Failure` where the settings do not say."""
    try:
        return kept_files(here.data_dir.path, here.environ)
    except BadSetting as bad:
        raise Failure(str(bad).rstrip("."), settings_of.MEND) from None


def settings_of_service(here: Installation, name: str) -> Any:
    """Those of one of our services, as its processes read them. Raises `Failure` where they are wrong."""
    service = SERVICES[name]
    shape = importlib.import_module(f"{service.package}.settings").Settings
    try:
        return settings_of.read(shape, f"STOA_{name.upper()}_", here.environ, shared=service.shares)
    except BadSetting as bad:
        raise Failure(str(bad).rstrip("."), settings_of.MEND) from None


def _folder(text: str) -> Path:
    """Not an empty text, which a shell makes of a variable that is not set: that would be the folder we stand in."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return Path(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """For an argument that is a whole number from `least` to `most`, in the digits that everybody types."""

    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,18}", text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")

    return read


port = whole(1, 65535)


def reason(text: str) -> str:
    """For an argument that is kept for good, and shown at a terminal: it may not move the cursor."""
    if len(text) <= LONGEST_REASON and re.match(LINE, text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no line of up to {LONGEST_REASON} characters that can be seen")

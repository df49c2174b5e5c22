"""How the databases of an installation are reached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from stoa.kit.service import Service
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import Secrets

DEFAULT_NAME = "stoa"
# PostgreSQL keeps what begins with pg_ for itself, and cuts names after 63 characters.
_NAME = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,29}")
# Others would be normalized on their way to the server, and by each library in its own way.
_PASSWORD = re.compile(r"[ -~]+")


@dataclass(frozen=True)
class Access:
    """A database server, by the URL of its administrator, and the installation on it.

    Each service has a database and a login role of its own, both named `<name>_<service>`: so several installations
    may share a server. No other role may connect to the database. A service whose URL is `given` is reached by that;
    where all of a process are, `dsn` is any of them, and nobody administers anything.
    """

    dsn: str = field(repr=False)
    secrets: Secrets = field(repr=False)
    name: str = DEFAULT_NAME
    given: Mapping[str, str] = field(default_factory=dict, repr=False)

    def role(self, service: Service) -> str:
        """Of the service's login role, and of its database."""
        return f"{self.name}_{service.name}"

    def dsn_of(self, service: Service) -> str:
        """How the service connects: as was given, else the administrator's URL with the service's database, role and
        password."""
        if service.name in self.given:
            return self.given[service.name]
        url = urlsplit(self.dsn)
        role = self.role(service)
        password = quote(self.password_of(service), safe="")
        return url._replace(netloc=f"{role}:{password}@{url.netloc.rpartition('@')[2]}", path=f"/{role}").geturl()

    def password_of(self, service: Service) -> str:
        """Of the service's login role."""
        if service.name in self.given:
            return unquote(urlsplit(self.given[service.name]).password or "")
        return self.secrets.role(self.role(service))


def variable_of_url(service: str) -> str:
    """The variable that gives a service its own URL."""
    return f"STOA_{service.upper()}_DATABASE_URL"


def urls_given(environ: Mapping[str, str], services: Iterable[str], name: str) -> dict[str, str]:
    """By service, the URLs of those that have one of their own. Raises `Failure` for one that cannot be the service's,
    and shows nothing of it but the role: it has a password."""
    return {
        service: _checked_own(variable_of_url(service), url, f"{name}_{service}")
        for service in services
        if (url := environ.get(variable_of_url(service), ""))
    }


def _checked_own(variable: str, url: str, role: str) -> str:
    parts = urlsplit(checked_url(url, variable))
    user, database = unquote(parts.username or ""), unquote(parts.path.removeprefix("/"))
    if (user, database) != (role, role):
        raise Failure(
            f"{variable} is of role {user or '(none)'} and database {database or '(none)'}, not of {role}",
            f"give it the URL of {role}, or set STOA_NAME if the installation has another name",
        )
    if not _PASSWORD.fullmatch(unquote(parts.password or "")):
        raise Failure(f"{variable} has no password, or one that is not of ASCII characters", "give it one that is")
    return url


def place_of(dsn: str) -> str:
    """What may be shown of a URL: the host, or the folder of the socket, and the port."""
    return unquote(urlsplit(dsn).netloc.rpartition("@")[2])


def without_password(text: str, dsn: str) -> str:
    """What a server or a library said, in case it said that too."""
    password = urlsplit(dsn).password
    for secret in {password, unquote(password)} - {""} if password else ():
        text = text.replace(secret, "***")
    return text


def checked_name(name: str) -> str:
    """Raises `Failure` for a name that no role could carry."""
    if not _NAME.fullmatch(name):
        raise Failure(
            f"{name!r} cannot name an installation",
            "take up to 30 lower-case letters, digits and underscores, a letter first and not pg_",
        )
    return name


def checked_url(url: str, told_as: str = "--database-url (or STOA_DATABASE_URL)") -> str:
    """Raises `Failure` for what is no URL of a PostgreSQL server, and shows nothing of it: it has a password."""
    wrong = Failure(
        f"{told_as} is not the URL of a PostgreSQL server",
        "write it as postgresql://user:password@host:5432/postgres, with %40 for @ and %2F for / in the password",
    )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"postgresql", "postgres"} and (parts.port is None or parts.port > 0)
    except ValueError:
        raise wrong from None
    # An @ behind the host: a character of the password ended the host's part too early.
    if not usable or "@" in parts.path + parts.query + parts.fragment:
        raise wrong
    return url

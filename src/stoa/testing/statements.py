"""Every statement of a repository, checked against the migrated schema without being run."""

from types import ModuleType

from stoa.kit.db import Database


async def prepare_all(db: Database, repository: ModuleType) -> list[str]:
    """The names of the constants that hold SQL; a misspelt table or column raises."""
    names = [name for name, value in vars(repository).items() if name.isupper() and isinstance(value, str)]
    statements = [name for name in names if not name.startswith("_")]
    async with db.dedicated() as connection:
        for name in statements:
            await connection.prepare(getattr(repository, name))
    return statements

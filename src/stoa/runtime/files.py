"""The small files of an installation: whole or not there, whatever happens while one is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from stoa.runtime.failure import Failure


def read(file: Path) -> str | None:
    """Its text; None where there is no such file. Raises `Failure` for one that cannot be read, or is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Failure(f"{file} is damaged: it is no text", "restore it from a backup") from None
    except PermissionError:
        raise Failure(f"{file} cannot be read", "start Stoa as the user that it was first started as") from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", "see what it is, and restore it") from None


def write(file: Path, text: str) -> None:
    """Readable by us alone. Written beside, brought to the disk and renamed: a crash leaves the old text or the new.

    Raises `Failure` where that cannot be done, and then leaves what was there.
    """
    try:
        handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(scratch).replace(file)
        except OSError:
            Path(scratch).unlink(missing_ok=True)
            raise
        _sync_names(file.parent)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}", "see that the disk has room") from None


def _sync_names(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

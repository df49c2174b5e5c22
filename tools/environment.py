"""Make or refresh .venv from a lock: `environment.py run|dev|docs`. Needs nothing but Python and pip.

Does nothing when the lock is the one that was installed last. `dev` includes `run`; `docs` is what makes the site, and
nothing else.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
PYTHON = HOME / "bin" / "python"
OLDEST = (3, 11)

COMMAND = f"""\
#!{PYTHON}
import sys
from stoa.cli.main import main
sys.exit(main())
"""


def fail(what: str, mend: str) -> None:
    sys.exit(f"stoa: {what}; {mend}")


def lock_of(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def stamp_of(name: str) -> Path:
    return HOME / f".{name}"


def key_of(name: str) -> str:
    """What must be the same for the environment to still fit: the lock, the place, the Python."""
    return hashlib.sha256(
        b"\0".join((lock_of(name).read_bytes(), str(HOME).encode(), sys.version.encode()))
    ).hexdigest()


def is_current(name: str) -> bool:
    return PYTHON.exists() and stamp_of(name).exists() and stamp_of(name).read_text() == key_of(name)


def make(lock: Path) -> None:
    if not PYTHON.exists() or not (HOME / "pyvenv.cfg").exists():
        shutil.rmtree(HOME, ignore_errors=True)
        print(f"stoa: making {HOME.relative_to(ROOT)} with Python {sys.version.split()[0]}", flush=True)
        try:
            venv.create(HOME, with_pip=True)
        except (OSError, subprocess.CalledProcessError):
            shutil.rmtree(HOME, ignore_errors=True)
            fail(
                "python3 cannot make a virtual environment", "install its venv and pip packages (Debian: python3-venv)"
            )
    print(f"stoa: installing the packages of {lock.relative_to(ROOT)}, this takes a minute", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "-r", str(lock)]
    if subprocess.run(command, check=False).returncode != 0:
        fail("the packages could not be installed", "the reason is above; the same command goes on where it stopped")


def link() -> None:
    """Our own code is used from where it is, without building anything."""
    packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(HOME)}))
    (packages / "stoa.pth").write_text(f"{ROOT / 'src'}\n")
    command = HOME / "bin" / "stoa"
    command.write_text(COMMAND)
    command.chmod(0o755)


def main() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        fail(f"this is Python {found}", "install 3.11 or newer, or name it: make PYTHON=python3.12 up")
    wanted = sys.argv[1] if len(sys.argv) > 1 else "run"
    if is_current(wanted):
        return
    if PYTHON.exists() and str(HOME) not in (HOME / "bin" / "pip").read_text(errors="replace"):
        # The clone was moved: the programs in here name the old place.
        shutil.rmtree(HOME)
    make(lock_of(wanted))
    link()
    for name in ("run", "dev") if wanted == "dev" else (wanted,):
        stamp_of(name).write_text(key_of(name))


if __name__ == "__main__":
    main()

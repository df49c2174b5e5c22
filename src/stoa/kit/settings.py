"""Settings: one frozen dataclass per service, its defaults in the code, the environment over them, read once.

    @dataclass(frozen=True, kw_only=True)
    class Settings:
        hold_seconds: int = 900      # longer than the slowest bank's page, shorter than a shopper's patience

    settings = read(Settings, "STOA_INVENTORY_", os.environ)      # STOA_INVENTORY_HOLD_SECONDS=600

A value is text: numbers as written, booleans `true` or `false`, lists with commas, times in seconds. No list has a
part twice: whoever wrote one meant another.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from stoa.kit.currencies import CurrencyCode

T = TypeVar("T")

# Twenty years of seconds are a slip of the finger, and more than any clock here adds up to.
_LONGEST_SECONDS = 600_000_000
Seconds = Annotated[float, Meta(gt=0, le=_LONGEST_SECONDS)]
SecondsOrNone = Annotated[float, Meta(ge=0, le=_LONGEST_SECONDS)]
WholeSeconds = Annotated[int, Meta(ge=1, le=_LONGEST_SECONDS)]
Days = Annotated[int, Meta(ge=1, le=3650)]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
LOCALE = r"^[a-z]{2,3}(-[A-Z]{2})?(?!\n)$"
Locale = Annotated[str, Meta(pattern=LOCALE)]
Currency = CurrencyCode
# A product goes with all its texts in one message between services.
Locales = Annotated[tuple[Locale, ...], Meta(min_length=1, max_length=20)]


class BadSetting(Exception):
    """A variable that cannot be used. The message is one line that names it and says what is wrong."""


MEND = "set it right, or leave it out for its default"
"""What to do about one."""


def read(shape: type[T], prefix: str, environ: Mapping[str, str], *, shared: Collection[str] = ()) -> T:
    """`shape` from its defaults and the variables `<prefix><FIELD>`. Raises `BadSetting`.

    A field that is `shared` is also read from `STOA_<FIELD>`, which is the whole shop's.

    A field without a default must be set. An empty variable counts as not set.
    """
    hints = get_type_hints(shape, include_extras=True)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(shape):  # type: ignore[arg-type]
        variable = prefix + field.name.upper()
        if field.name in shared and not environ.get(variable):
            variable = variable_of_all(field.name)
        text = environ.get(variable, "")
        if text:
            values[field.name] = _parse(variable, text, hints[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadSetting(f"{variable} is not set, and it has no default.")
    return shape(**values)


def variable_of_all(field: str) -> str:
    """The variable of a setting that several services share."""
    return f"STOA_{field.upper()}"


def _parse(variable: str, text: str, hint: Any) -> Any:
    plain: Any = text
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(bare) in {tuple, list, frozenset}:
        plain = [part.strip() for part in text.split(",") if part.strip()]
        if twice := [part for part, times in Counter(plain).items() if times > 1]:
            raise BadSetting(f"{variable}={text!r} cannot be used: it names {twice[0]} twice.")
    try:
        value = msgspec.convert(plain, hint, strict=False, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise BadSetting(f"{variable}={text!r} cannot be used: {error}.") from None
    # `nan` is a float, and neither more nor less than any bound.
    if isinstance(value, float) and not math.isfinite(value):
        raise BadSetting(f"{variable}={text!r} cannot be used: it is not a finite number.")
    return value


def _from_text(kind: type[Any], value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"a setting of type {kind}")

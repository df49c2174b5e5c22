"""What tests of services stand on, ours and those of packages from outside.

`stoa.testing.plugin` has the fixtures (`database`, `shop` and others), for pytest and pytest-asyncio. They come, with
jsonschema-rs, by which every answer is held to the description, with `stoa[testing]`.
"""

from stoa.testing.mortal import MortalShop
from stoa.testing.rest import Answer, Rest, User, acting, new_user, token_of, who_may
from stoa.testing.shops import Shop
from stoa.testing.statements import prepare_all

__all__ = ["Answer", "MortalShop", "Rest", "Shop", "User", "acting", "new_user", "prepare_all", "token_of", "who_may"]

"""A statement's plan is made once, in a shop that may be a day old: by index, though all tables are small yet."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest
from tests.volume import fill, read_by

from stoa import services
from stoa.app import STORED
from stoa.runtime.postgres import SETTINGS
from stoa.services.payment import simulator

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")

BY_INDEX = re.compile(r'\$[0-9]|[\w)"]\.[a-z]')
"""In the condition of a scan: an argument, or a column of another row."""

# What reads a table, or an index of few, from end to end because it asks for all that is there.
WHOLE = {
    "auth.repository.ALL_KEYS",
    "auth.repository.TAKE_DISABLED_UNTOLD",
    "auth.roles_repository.IS_HELD",
    "auth.sellers_repository.NEXT_VERSION",
    "auth.sellers_repository.OTHERWISE_THAN_TOLD",
    "catalog.categories_repository.CATEGORIES",
    "catalog.repository.FILES_OF_PAGES",
    "catalog.repository.SHOWS_FILE",
    "catalog.slugs_repository.OLD_SLUGS",
    "catalog.public_prices_repository.NEXT_DUE",
    "catalog.sellers_repository.ANY_UNSETTLED",
    "catalog.sellers_repository.LOCK_UNSETTLED_SELLER",
    "catalog.price_lists_repository.COUNT_LISTS",
    "checkout.repository.COUNT_OPEN",
    "inventory.repository.NEXT_EXPIRY",
    "inventory.stock_repository.WAREHOUSES",
    "notification.repository.NEXT_DUE",
    "payment.repository.NEXT_REFUND",
}
# What reads an index of few: of who is staff, of what is under way or owed.
WHOLE |= {
    "auth.repository.ENABLED_ADMINS",
    "auth.sellers_repository.SELLS_FOR_NOBODY",
    "catalog.public_prices_repository.LOCK_ARCHIVED",
    "checkout.repository.ADOPT",
    "checkout.repository.NEXT_LAPSE",
    "media.pictures_repository.CLAIM",
    "media.pictures_repository.NEXT_DUE",
    "media.pictures_repository.WAITING",
    "notification.repository.CLAIM_DUE",
    "payment.repository.NEXT_UNSETTLED",
    "payment.repository.REFUNDS_DUE",
    "payment.simulator.UNSENT_WEBHOOKS",
}
# Search has one row that says how far it is, and in memory what staff say; the rest an operator asks for.
WHOLE |= {f"search.repository.{name}" for name in ("HOLD_FEED", "ADVANCE", "HEAD", "BUILD_ANEW", "FORGET_GONE")}
WHOLE |= {f"search.repository.{name}" for name in ("READ_CATEGORIES", "REMOVE_CATEGORIES", "READ_WAITING")}
WHOLE |= {f"search.repository.{name}" for name in ("READ_INDEXES", "FORGET_INDEXES", "COUNT_DOCUMENTS")}
WHOLE |= {f"search.rules_repository.{name}" for name in ("COUNT_CHANGE", "COUNT_RULES")}
WHOLE |= {"search.rules_repository.ALL_SYNONYMS", "search.rules_repository.ALL_RULES"}
WHOLE |= {f"search.attributes_repository.{name}" for name in ("READ_ATTRIBUTES", "REMOVE_ATTRIBUTES", "COUNT_CHANGE")}
# The first of an index that has only what falls due, what waits or what has rules; and definitions, of which there are
# few. Exports read all there is, and repairs count it.
WHOLE |= {f"catalog.publication_repository.{name}" for name in ("SECONDS_TO_NEXT", "TURN_DUE")}
WHOLE |= {f"catalog.brands_repository.{name}" for name in ("LOCK_UNSETTLED_NAME", "ANY_UNSETTLED_NAME")}
WHOLE |= {
    f"catalog.collections_repository.{name}" for name in ("WORK", "RULES", "RULES_THAT_LOOK_AT", "LOCK_UNSETTLED")
}
WHOLE |= {
    f"catalog.collections_repository.{name}" for name in ("LOOK_AGAIN_AT", "SETTLE_WHAT_LOOKS_AT", "BEGIN_ROUNDS")
}
WHOLE |= {f"catalog.product_imports_repository.{name}" for name in ("DUE", "ANY_LEFT")}
WHOLE |= {"catalog.types_repository.COUNT_ATTRIBUTES"}
WHOLE |= {f"catalog.export_repository.{name}" for name in ("SPECIFICATIONS", "METADATA", "VARIANT_METADATA")}
WHOLE |= {"inventory.subscriptions_repository.NEXT_DUE", "inventory.policy_repository.NEXT_PREORDER"}
WHOLE |= {"inventory.repair_repository.COUNT_ITEMS", "inventory.counts_repository.OVERTAKE"}
WHOLE |= {"inventory.stock_repository.LEFT_IN"}
# One row that counts what staff change, and what runs of that.
WHOLE |= {f"campaign.repository.{name}" for name in ("HOLD_CHANGES", "LOOK", "RUNNING", "COUNT_RUNNING", "MEASURE")}
WHOLE |= {f"checkout.zones_repository.{name}" for name in ("REVISION", "CHANGING", "ALL_ZONES")}
# The first of what is to be compared, and of what differs, which is next to nothing.
WHOLE |= {f"payment.drifts_repository.{name}" for name in ("DUE", "NEXT_DUE", "COUNT_OPEN")}
# And of cards that were taken away, of which the provider has not heard yet.
WHOLE |= {f"payment.methods_repository.{name}" for name in ("TO_FORGET", "NEXT_TO_FORGET")}
# What staff do with many products at once: read whole while there are few, until the next ANALYZE.
WHOLE |= {
    "catalog.repository.CHANGE_PRODUCTS",
    "catalog.variants_repository.FORGET_VALUES",
    "catalog.repository.LOCK_PRODUCTS",
}


def statements(service: str) -> Iterator[tuple[str, str]]:
    """Every constant of the service that holds a whole statement, by its name."""
    prefix = f"{services.__name__}.{service}."
    for module in pkgutil.walk_packages([f"{services.__path__[0]}/{service}"], prefix):
        for name, value in vars(importlib.import_module(module.name)).items():
            whole = name.isupper() and not name.startswith("_") and isinstance(value, str)
            if whole and value.split(maxsplit=1)[:1] in [[verb] for verb in VERBS]:
                yield f"{module.name.removeprefix(services.__name__ + '.')}.{name}", value


async def plan_of(connection: asyncpg.Connection, sql: str) -> Mapping[str, Any]:
    """As the sessions of services plan: for any arguments."""
    await connection.execute(f"PREPARE planned AS {sql}")
    taken = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'planned'"
    given = ", ".join(["NULL"] * await connection.fetchval(taken))
    values = f"({given})" if given else ""
    (explained,) = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned{values}")
    await connection.execute("DEALLOCATE planned")
    plan: Mapping[str, Any] = explained["Plan"]
    return plan


def reads_whole(node: Mapping[str, Any]) -> bool:
    """Whether the plan has a scan without a condition that an index answers, on what is asked for or found before.

    On a constant, as the one state that most rows have in the end, is none.
    """
    scans = node["Node Type"] == "Bitmap Index Scan" or (
        "Relation Name" in node and node["Node Type"].endswith("Scan") and node["Node Type"] != "Bitmap Heap Scan"
    )
    by_index = BY_INDEX.search(node.get("Index Cond", ""))
    return (scans and not by_index) or any(map(reads_whole, node.get("Plans", ())))


@pytest.mark.parametrize("service", STORED)
async def test_no_plan_of_a_new_shop_reads_a_table_from_end_to_end(database, service: str) -> None:
    db = await database(service)
    async with db.dedicated() as connection:
        plans = {name: await plan_of(connection, sql) for name, sql in statements(service)}
    assert plans
    assert {name for name, plan in plans.items() if reads_whole(plan)} - WHOLE == set()


async def test_a_table_has_no_statistics_until_it_is_too_large_to_be_read_whole(database) -> None:
    db = await database("payment")
    rows = int(SETTINGS["autovacuum_analyze_threshold"])
    columns = "key, order_id, amount_minor, currency, status"
    await fill(db, "simulator.payments", columns, "n, n, 100, 'GBP', 'authorized'", rows)
    assert (await read_by(db, simulator.CAPTURE, ["7"])).rows <= 2  # locked, and changed

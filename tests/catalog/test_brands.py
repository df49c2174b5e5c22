"""Brands: made with the first product of their name, described, renamed and merged, and how their products follow."""

import asyncio
import contextvars
import json
from urllib.parse import quote

import asyncpg
import pytest
from runners import deadlocks

from stoa.kit.ids import uuid7
from stoa.services.catalog import brands_repository
from stoa.services.catalog import settle_brands as rounds
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.run_import import import_next
from stoa.services.catalog.settle_collections import settle_collections

from .conftest import ADMIN, CUSTOMER, SELLER


async def settle(catalog):
    """As the job is run: again while somebody else has a name in hand."""
    (job,) = [one for one in jobs(catalog) if one.name == "settle-brands"]
    while await job.run() is not None:
        await asyncio.sleep(0.01)


async def brands(shop, user=ADMIN):
    return {one["name"]: one["slug"] for one in (await shop.rest.ok("GET", "/brands?limit=100", user=user))["items"]}


async def told(shop, kind="brand.%"):
    rows = await shop.db.fetch(
        "SELECT type, aggregate_version, data FROM event_log WHERE type LIKE $1 ORDER BY id", kind
    )
    return [(row["type"], row["aggregate_version"], row["data"]["slug"]) for row in rows]


async def refused(shop, method, path, body, user=ADMIN):
    """What was said, with the proof that nothing was done."""
    marks = """
        SELECT (SELECT count(*) FROM event_log), (SELECT count(*) FROM staff_acts), (SELECT sum(version) FROM brands),
            (SELECT string_agg(name || brand_id || settled, ',' ORDER BY name) FROM brand_names)
    """
    before = await shop.db.fetchrow(marks)
    answer = await shop.rest.send(method, path, body, user=user)
    assert await shop.db.fetchrow(marks) == before
    return answer.status, answer.problem, answer.body.get("field")


async def test_a_brand_is_made_with_the_first_product_of_its_name(shop):
    await shop.add("mug", 500, brand="Hearth & Field")
    await shop.add("cup", 500, brand="Hearth & Field", user=SELLER)
    items = [
        {"slug": "pan", "name": "Pan", "brand": "Ünder"},
        {"slug": "pot", "name": "Pot", "brand": "Hearth, Field"},
        {"slug": "lid", "name": "Lid", "brand": "鍋"},
        {"slug": "all", "name": "Lid", "brand": "Refused"},
    ]
    await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/cup", {"brand": "Another"}, user=SELLER)
    found = await brands(shop)
    assert set(found) == {"Hearth & Field", "Ünder", "Hearth, Field", "鍋", "Another"}
    assert (found["Hearth & Field"], found["Ünder"], found["Another"]) == ("hearth-field", "under", "another")
    assert found["Hearth, Field"].startswith("hearth-field-") and found["鍋"].startswith("brand-")
    assert [each[0] for each in await told(shop)] == ["brand.created"] * 5
    shown = await shop.rest.ok("GET", "/brands/under", user=ADMIN)
    assert (shown["name"], shown["version"], shown["description"], shown["logo_url"]) == ("Ünder", 1, "", "")
    assert await shop.rest.ok("GET", f"/brands/{shown['id']}", user=ADMIN) == shown
    first = await shop.rest.ok("GET", "/brands?limit=2", user=ADMIN)
    second = await shop.rest.ok("GET", f"/brands?limit=3&cursor={first['next_cursor']}", user=ADMIN)
    assert [one["slug"] for one in first["items"] + second["items"]] == sorted(found.values())
    assert second["next_cursor"] is None


async def shown_to(shop, user, brand):
    """Whether the brand is there for him, by its slug, by its id and in the list, which say the same."""
    brand_id = (await shop.rest.ok("GET", f"/brands/{brand}", user=ADMIN))["id"]
    statuses = [(await shop.rest.send("GET", f"/brands/{each}", user=user)).status for each in (brand, brand_id)]
    listed = brand in (await brands(shop, user)).values()
    assert statuses == [200 if listed else 404] * 2
    return listed


async def test_who_is_no_staff_sees_the_brands_of_what_is_sold(shop):
    await shop.rest.ok("POST", "/brands", {"name": "By Hand", "description": "To come."}, status=201, user=ADMIN)
    await shop.add("sold", 500, brand="Sold")
    await shop.add("mug", 500, brand="Acme", status="draft")
    await shop.add("late", 500, brand="Later", publish_at="2999-01-01T00:00:00Z")
    hidden = ["by-hand", "acme", "later"]
    for user in (None, CUSTOMER, SELLER):
        assert [await shown_to(shop, user, each) for each in ("sold", *hidden)] == [True, False, False, False]
    assert [await shown_to(shop, ADMIN, each) for each in hidden] == [True, True, True]
    steps = [
        ("PATCH", "/products/mug", {"status": "active"}, True),
        ("POST", "/products/mug/withhold", {"reason": "Looked at."}, False),
        ("POST", "/products/mug/reinstate", {"reason": "All is well."}, True),
        ("PATCH", "/products/mug", {"brand": "By Hand"}, False),
        ("PATCH", "/products/mug", {"brand": "Acme"}, True),
        # Before its product follows, and after.
        ("PUT", "/brands/acme", {"name": "Acme Ltd"}, True),
        ("DELETE", "/products/mug", None, False),
        ("PATCH", "/products/mug", {"status": "active"}, True),
    ]
    for method, path, body, there in steps:
        answer = await shop.rest.send(method, path, body, user=ADMIN)
        assert answer.status < 300, answer
        assert await shown_to(shop, None, "acme") is there, (method, path, body)
    await settle(shop.catalog)
    assert await brands(shop, None) == {"Acme Ltd": "acme", "Sold": "sold"}


async def test_brands_are_listed_by_one_statement_whoever_asks(shop, asked):
    for at in range(5):
        await shop.add(f"mug-{at}", 500, brand=f"Brand {at}", status="draft" if at % 2 else "active")
    for user in (None, ADMIN):
        asked.clear()
        assert len(await brands(shop, user)) == (3 if user is None else 5)
        await shop.rest.ok("GET", "/brands/brand-0", user=user)
        assert len(asked) == 2


async def test_products_are_listed_by_the_name_of_their_brand_one_that_it_had_or_its_slug(shop):
    await shop.add("mug", 500, brand="Hearth & Field")
    await shop.add("cup", 500, brand="Other")
    for asked in ("Hearth+%26+Field", "hearth-field"):
        assert await shop.slugs(f"brand={asked}") == ["mug"]
    await shop.rest.ok("PUT", "/brands/hearth-field", {"name": "Hearth"}, user=ADMIN)
    await settle(shop.catalog)
    for asked in ("Hearth+%26+Field", "hearth-field", "Hearth"):
        assert await shop.slugs(f"brand={asked}") == ["mug"]
    assert await shop.slugs("brand=nobody") == []


async def test_a_renamed_brands_products_follow_in_rounds_each_with_an_event(shop, monkeypatch):
    monkeypatch.setattr(rounds, "ONE_ROUND", 2)
    for at in range(5):
        await shop.add(f"mug-{at}", 500, brand="Old")
    body = {"name": "New", "description": "By hand.", "logo_url": "/media/new.png", "seo": {"title": "New"}}
    changed = await shop.rest.ok("PUT", "/brands/old", body, user=ADMIN)
    assert changed | body | {"seo": {"title": "New", "description": ""}} == changed
    assert (changed["slug"], changed["version"]) == ("old", 2)
    assert await shop.rest.ok("PUT", "/brands/old", body, user=ADMIN) == changed
    # Whoever says the old name means the brand at once, and what is as it was is not written.
    new = await shop.add("mug-5", 500, brand="Old")
    assert new["brand"] == "New"
    assert (await shop.rest.ok("PATCH", "/products/mug-5", {"brand": "Old"}, user=ADMIN))["version"] == 1
    assert await rounds.one_round(shop.catalog)
    names = [row["brand"] for row in await shop.db.fetch("SELECT brand FROM products ORDER BY id")]
    assert sorted(names) == ["New"] * 3 + ["Old"] * 3
    await settle(shop.catalog)
    assert await shop.db.fetchval("SELECT array_agg(DISTINCT brand) FROM products") == ["New"]
    assert sorted(await told(shop, "product.updated")) == [("product.updated", 2, f"mug-{at}") for at in range(5)]
    assert await told(shop) == [("brand.created", 1, "old"), ("brand.updated", 2, "old")]
    assert not await rounds.one_round(shop.catalog)
    # And back: the name that it had is its own.
    await shop.rest.ok("PUT", "/brands/old", body | {"name": "Old"}, user=ADMIN)
    await settle(shop.catalog)
    assert await shop.db.fetchval("SELECT array_agg(DISTINCT brand) FROM products") == ["Old"]


async def test_a_merged_brands_products_get_the_others_name(shop):
    for at, name in enumerate(("Acme", "ACME Inc", "Acme Ltd")):
        await shop.add(f"mug-{at}", 500, brand=name)
    await shop.rest.ok("PUT", "/brands/acme-ltd", {"name": "Acme Limited"}, user=ADMIN)
    for slug in ("acme-inc", "acme-ltd"):
        merged = await shop.rest.ok("POST", f"/brands/{slug}/merge", {"into": "acme"}, user=ADMIN)
        assert (merged["slug"], merged["version"]) == ("acme", 1)
    assert await brands(shop) == {"Acme": "acme"}
    await settle(shop.catalog)
    assert await shop.db.fetchval("SELECT array_agg(DISTINCT brand) FROM products") == ["Acme"]
    for name in ("ACME Inc", "Acme Ltd", "Acme Limited"):
        assert (await shop.rest.ok("PATCH", "/products/mug-0", {"brand": name}, user=ADMIN))["brand"] == "Acme"
    assert await told(shop, "brand.deleted") == [("brand.deleted", 2, "acme-inc"), ("brand.deleted", 3, "acme-ltd")]
    acts = [
        row["act"] for row in await shop.db.fetch("SELECT act FROM staff_acts WHERE act LIKE 'brand.%' ORDER BY id")
    ]
    assert acts == ["brand.changed", "brand.merged", "brand.merged"]


async def collected(shop):
    """The products of each collection, when all that is to follow has followed."""
    await settle(shop.catalog)
    while (seconds := await settle_collections(shop.catalog)) is not None and seconds <= 1:
        await asyncio.sleep(0.01)
    page = await shop.rest.ok("GET", "/collections", user=ADMIN)
    return {one["slug"]: await shop.slugs(f"collection={one['slug']}&sort=name") for one in page["items"]}


async def test_collections_follow_brands_that_are_renamed_and_merged(shop):
    """A rule says a name, and means the brand that has or had it."""
    for name in ("Acme", "Other", "Third"):
        await shop.add(name.lower(), 500, brand=name)
    for slug, name in (("acme", "Acme"), ("fresh", "New"), ("other", "Other")):
        rules = {"conditions": [{"field": "brand", "any_of": [name]}]}
        await shop.rest.ok("POST", "/collections", {"slug": slug, "name": slug, "rules": rules}, status=201, user=ADMIN)
    assert await collected(shop) == {"acme": ["acme"], "fresh": [], "other": ["other"]}
    await shop.rest.ok("PUT", "/brands/acme", {"name": "New"}, user=ADMIN)
    assert await collected(shop) == {"acme": ["acme"], "fresh": ["acme"], "other": ["other"]}
    query = "SELECT data->'changed' AS changed FROM event_log WHERE data->>'slug' = 'acme' AND type = 'product.updated'"
    assert [row["changed"] for row in await shop.db.fetch(query)] == [["collections"], ["brand", "collections"]]
    await shop.rest.ok("POST", "/brands/acme/merge", {"into": "other"}, user=ADMIN)
    both = ["acme", "other"]
    assert await collected(shop) == {"acme": both, "fresh": both, "other": both}
    await shop.add("late", 500, brand="Acme")
    assert (await collected(shop))["fresh"] == ["acme", "late", "other"]


async def test_a_rule_spells_a_brand_as_it_is(shop):
    await shop.add("pot", 500, brand="Bialetti & Co")
    rules = {
        "conditions": [{"field": "brand", "any_of": ["BIALETTI & co", "bialetti-co", "Bialetti & Co", "Bialetti Co"]}]
    }
    body = {"slug": "pots", "name": "Pots", "rules": rules}
    made = await shop.rest.ok("POST", "/collections", body, status=201, user=ADMIN)
    (condition,) = made["rules"]["conditions"]
    assert condition["any_of"] == ["Bialetti & Co", "Bialetti & Co", "Bialetti & Co", "Bialetti Co"]
    assert await collected(shop) == {"pots": ["pot"]}


async def test_a_brand_without_products_is_removed(shop):
    await shop.add("mug", 500, brand="Acme")
    await shop.rest.ok("PUT", "/brands/acme", {"name": "Acme Ltd"}, user=ADMIN)
    # By the name that it had, too: its products have not followed.
    assert await refused(shop, "DELETE", "/brands/acme", None) == (409, "brand-in-use", "brand")
    await settle(shop.catalog)
    for user, status in ((CUSTOMER, 403), (SELLER, 403), (ADMIN, 409)):
        assert (await refused(shop, "DELETE", "/brands/acme", None, user))[0] == status
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    await shop.rest.ok("DELETE", "/brands/acme", status=204, user=ADMIN)
    assert await refused(shop, "DELETE", "/brands/acme", None) == (404, "no-such-brand", "brand")
    assert await brands(shop) == {}
    assert (await told(shop))[-1] == ("brand.deleted", 3, "acme")
    assert await shop.db.fetchval("SELECT act FROM staff_acts ORDER BY id DESC LIMIT 1") == "brand.removed"
    # All its names are free, and who comes back from the archive has a brand again.
    restored = await shop.rest.ok("PATCH", "/products/mug", {"status": "active"}, user=ADMIN)
    assert (restored["brand"], await brands(shop)) == ("Acme Ltd", {"Acme Ltd": "acme-ltd"})
    await shop.rest.ok("POST", "/brands", {"name": "Acme"}, status=201, user=ADMIN)


async def test_who_removes_a_brand_waits_for_who_gives_a_product_its_name(shop):
    await shop.rest.ok("POST", "/brands", {"name": "Acme"}, status=201, user=ADMIN)
    writer = await asyncpg.connect(shop.db.dsn)
    giving = writer.transaction()
    await giving.start()
    await writer.fetch(brands_repository.KEEP_NAMES, ["Acme"])
    removing = asyncio.create_task(shop.rest.send("DELETE", "/brands/acme", user=ADMIN))
    while not await writer.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.005)
    await writer.execute(
        "INSERT INTO products (id, slug, name, brand, status) VALUES ($1, 'mug', 'Mug', 'Acme', 'draft')", uuid7()
    )
    await giving.commit()
    assert (await removing).problem == "brand-in-use"
    await writer.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/brands", {"name": "Acme"}, (409, "brand-taken", "name")),
        ("POST", "/brands", {"name": "Was"}, (409, "brand-taken", "name")),
        ("POST", "/brands", {"name": "X", "slug": "acme"}, (409, "slug-taken", "slug")),
        ("PUT", "/brands/acme", {"name": "Other"}, (409, "brand-taken", "name")),
        ("PUT", "/brands/acme", {"name": "Was"}, (409, "brand-taken", "name")),
        ("PUT", "/brands/acme", {"name": "Acme", "slug": "other"}, (409, "slug-taken", "slug")),
        ("PUT", "/brands/none", {"name": "Acme"}, (404, "no-such-brand", "brand")),
        ("POST", "/brands/acme/merge", {"into": "acme"}, (422, "merged-into-itself", "into")),
        ("POST", "/brands/acme/merge", {"into": "none"}, (404, "no-such-brand", "into")),
        ("POST", "/brands/none/merge", {"into": "acme"}, (404, "no-such-brand", "brand")),
        ("PUT", "/brands/acme", {"name": "Acme", "logo_url": "javascript:x"}, (422, "unprocessable", "logo_url")),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(shop, method, path, body, said):
    await shop.add("mug", 500, brand="Acme")
    await shop.rest.ok("POST", "/brands", {"name": "Was", "slug": "other"}, status=201, user=ADMIN)
    await shop.rest.ok("PUT", "/brands/other", {"name": "Other"}, user=ADMIN)
    assert await refused(shop, method, path, body) == said
    for user in (CUSTOMER, SELLER):
        assert (await refused(shop, method, path, body | {"logo_url": ""} if "name" in body else body, user))[0] == 403


async def test_who_gives_a_product_a_name_meets_whoever_changes_it(shop, postgres, monkeypatch):
    """Products are added, renamed and merged under at once: in the end each bears the name of a brand that is there."""
    monkeypatch.setattr(rounds, "ONE_ROUND", 3)
    names = ["A", "B", "C"]
    for at, name in enumerate(names):
        await shop.add(f"first-{at}", 1, brand=name)

    async def products(worker):
        for at in range(8):
            items = [
                {"slug": f"p-{worker}-{at}-{name.lower()}", "name": "P", "brand": name}
                for name in (*names, f"N{at}", f"N{at + 1}")
            ]
            await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)

    async def renames():
        for at in range(6):
            await shop.rest.ok("PUT", "/brands/a", {"name": f"A{at}"}, user=ADMIN)
            await settle(shop.catalog)
        await shop.rest.ok("POST", "/brands/b/merge", {"into": "a"}, user=ADMIN)
        await settle(shop.catalog)

    works = (products(0), products(1), renames(), settle(shop.catalog))
    await asyncio.gather(*(asyncio.create_task(work, context=contextvars.Context()) for work in works))
    await settle(shop.catalog)
    found = await brands(shop)
    assert {name for name in found if not name.startswith("N")} == {"A5", "C"}
    rows = await shop.db.fetch("SELECT DISTINCT brand FROM products")
    assert {row["brand"] for row in rows} == set(found)
    assert await deadlocks(postgres, shop.db) == 0


async def test_brands_cost_the_same_number_of_statements(shop, asked):
    async def cost(many):
        counts = []
        for name in ("New", "New", "Other"):
            items = [{"slug": f"p{many}-{at}", "name": "P", "brand": f"{name} {many} {at}"} for at in range(many)]
            asked.clear()
            await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
            counts.append(len(asked))
        return counts

    assert await cost(1) == await cost(20) == await cost(200)


async def test_tags_are_listed_and_products_by_them_newest_first(shop):
    await shop.add("mug", 500, tags=["gift", "camping"])
    await shop.add("cup", 500, tags=["gift", "gift"])
    await shop.add("pan", 500, tags=["cooking"], status="draft")
    await shop.add("pot", 500)
    assert await shop.slugs("tag=gift") == ["cup", "mug"]
    assert (await shop.rest.ok("GET", "/tags"))["items"] == [{"tag": "camping"}, {"tag": "gift"}]
    page = await shop.rest.ok("GET", "/products?tag=gift&limit=1")
    page = await shop.rest.ok("GET", f"/products?tag=gift&limit=1&cursor={page['next_cursor']}")
    assert ([card["slug"] for card in page["items"]], page["next_cursor"]) == (["mug"], None)
    assert await shop.slugs("tag=cooking&status=draft", ADMIN) == ["pan"]
    await shop.rest.ok("PATCH", "/products/pan", {"status": "active"}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/mug", {"tags": ["camping", "new"]}, user=ADMIN)
    await shop.rest.ok("DELETE", "/products/cup", status=204, user=ADMIN)
    assert [one["tag"] for one in (await shop.rest.ok("GET", "/tags"))["items"]] == ["camping", "cooking", "new"]
    assert (await shop.slugs("tag=gift"), await shop.slugs("tag=cooking")) == ([], ["pan"])
    first = await shop.rest.ok("GET", "/tags?limit=2")
    assert [one["tag"] for one in first["items"]] == ["camping", "cooking"]
    after = await shop.rest.ok("GET", f"/tags?limit=2&cursor={first['next_cursor']}")
    assert after == {"items": [{"tag": "new"}], "next_cursor": None}
    for more in ("brand=x", "category=x", "sort=name", "min_price=1"):
        answer = await shop.rest.send("GET", f"/products?tag=gift&{more}")
        assert (answer.status, answer.problem, answer.body["field"]) == (422, "tag-filter-alone", "tag")
    assert await shop.db.fetchval(
        """
        SELECT count(*) FROM (SELECT standing, tag, product_id FROM product_tags EXCEPT
            SELECT standing, tag, id FROM products, unnest(tags) AS tag) AS wrong
        """
    ) == 0  # fmt: skip


async def test_a_name_has_one_spelling_wherever_it_comes_from(shop):
    """As some systems write an é: an e, and an accent behind it."""
    apart, whole = "Cafe\u0301", "Caf\u00e9"
    await shop.add("mug", 500, brand=whole, tags=[whole])
    await shop.add("cup", 500, brand=apart, tags=[apart, whole], name=apart)
    columns = json.dumps({"Titré": "name"}, ensure_ascii=False)
    file = f"Titre\u0301,slug,sku,price,brand\nPan,pan,PAN-1,5,{apart}\n".encode()
    sent = await shop.rest.send("POST", f"/product-imports?columns={quote(columns)}", raw=file, user=ADMIN)
    assert sent.status == 202, sent
    assert await import_next(shop.catalog)
    assert await brands(shop) == {whole: "cafe"}
    assert (await shop.rest.ok("GET", "/tags"))["items"] == [{"tag": whole}]
    cup = await shop.rest.ok("GET", "/products/cup")
    assert (cup["name"], cup["brand"], cup["tags"]) == (whole, whole, [whole, whole])
    assert (await shop.rest.ok("GET", "/products/pan", user=ADMIN))["name"] == "Pan"
    for spelling in ("Cafe%CC%81", "Caf%C3%A9"):
        assert await shop.slugs(f"brand={spelling}&sort=name") == ["cup", "mug", "pan"]
        assert await shop.slugs(f"tag={spelling}") == ["cup", "mug"]


async def test_a_product_without_a_brand_makes_none(shop):
    await shop.add("mug", 500)
    await shop.rest.ok("PATCH", "/products/mug", {"brand": "", "name": "Cup"}, user=ADMIN)
    assert await brands(shop) == {}

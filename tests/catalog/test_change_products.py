"""Products through the public API: shown, added, changed, archived, announced."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from asgi import ask

from stoa.services.catalog.bodies import MOST_POSITION, MOST_VARIANTS
from stoa.services.catalog.product import MOST_BYTES
from stoa.testing import token_of

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, pounds

FULL = {
    "slug": "white-mug",
    "name": "White <b>Mug</b>",
    "description": "Robert'); DROP TABLE products;-- <script>alert(1)</script>",
    "brand": "Potters",
    "tags": ["mug", "white"],
    "specifications": {"Height": "10 cm", "Dishwasher": True, "Weight": 350, "Volume": 0.3},
    "images": [{"url": "https://img.example/mug.jpg", "alt": "A mug"}, {"url": "/media/2.jpg"}],
    "variants": [
        {"sku": "MUG-L", "name": "Large", "price": pounds(1200), "options": {"size": "L"}},
        {"sku": "MUG-S", "name": "Small", "price": pounds(900), "options": {"size": "S"}},
    ],
    "seo": {"title": "The mug", "description": "White, for the fire"},
}


NOTHING_NOTED = {"custom_fields": {}, "metadata": {}}
NO_ARTICLE = {"barcode": "", "weight": None, "image": None}
NO_TYPE = {"product_type": None, "attributes": []}


async def test_a_product_is_shown_as_it_was_written(shop):
    made = await shop.rest.ok("POST", "/products", FULL, status=201, user=ADMIN)
    ids = [one["id"] for one in made["variants"]]
    assert len({*ids, made["id"]}) == 3
    variants = [
        {"id": ids[0], "sku": "MUG-L", "name": "Large", "price": pounds(1200), "position": 0, "options": {"size": "L"}}
        | NOTHING_NOTED
        | NO_ARTICLE,
        {"id": ids[1], "sku": "MUG-S", "name": "Small", "price": pounds(900), "position": 1, "options": {"size": "S"}}
        | NOTHING_NOTED
        | NO_ARTICLE,
    ]
    images = [image | {"file_id": None, "picture": None} for image in ({"alt": ""} | one for one in FULL["images"])]
    assert made == FULL | NOTHING_NOTED | NO_TYPE | {
        "id": made["id"],
        "category": None,
        "status": "active",
        "standing": "active",
        "tax_class": "standard",
        "withheld": None,
        "publish_at": None,
        "unpublish_at": None,
        "seller_id": None,
        "images": images,
        "variants": variants,
        "options": [{"name": "size", "values": ["L", "S"]}],
        "price": pounds(900),
        "sales": [],
        "price_max": pounds(1200),
        "version": 1,
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }
    for name in (made["id"], made["id"].upper(), "white-mug"):
        assert await shop.rest.ok("GET", f"/products/{name}") == made
    assert await shop.announced() == [("product.created", "white-mug", 1, ["MUG-L", "MUG-S"])]


async def test_without_a_slug_it_gets_one_from_its_name(shop):
    first = await shop.rest.ok("POST", "/products", {"name": "White Mug"}, status=201, user=ADMIN)
    second = await shop.rest.ok("POST", "/products", {"name": "White Mug"}, status=201, user=ADMIN)
    assert (first["slug"], first["status"], first["price"]) == ("white-mug", "draft", None)
    assert second["slug"] == f"white-mug-{second['id'][-8:]}"


EURO = {"amount": 1, "currency": "EUR"}
LAST = {"sku": "B", "price": pounds(1), "position": 9}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        (
            "PUT",
            "/products/mug",
            {"name": "Mug", "version": 1, "variants": [{"sku": "A", "price": EURO}]},
            "variants[0].price.currency",
        ),
        ("PATCH", "/products/mug", {"variants": [{"sku": "A", "price": EURO}]}, "variants[0].price.currency"),
        ("POST", "/products/mug/variants", {"sku": "A", "price": EURO}, "price.currency"),
        ("PUT", "/variants/MUG-0", {"price": EURO}, "price.currency"),
    ],
)
async def test_a_foreign_currency_is_named_where_the_caller_sent_it(shop, method, path, body, field):
    before = await shop.add("mug", 500)
    answer = await shop.rest.send(method, path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "foreign-currency", field)
    assert await shop.rest.ok("GET", "/products/mug") == before


@pytest.mark.parametrize(
    ("change", "status", "problem", "field"),
    [
        ({"name": ""}, 422, "unprocessable", "name"),
        ({"name": "x" * 201}, 422, "unprocessable", "name"),
        ({"slug": "No Slug"}, 422, "unprocessable", "slug"),
        ({"slug": "018f0000-0000-7000-8000-0000abcdef01"}, 422, "slug-like-an-id", "slug"),
        ({"category": "nowhere"}, 422, "unknown-category", "category"),
        ({"status": "archived"}, 422, "unprocessable", "status"),
        ({"status": "active", "variants": []}, 422, "nothing-for-sale", "variants"),
        ({"price": pounds(1)}, 422, "unprocessable", "price"),
        ({"variants": [{"sku": "A B", "price": pounds(1)}]}, 422, "unprocessable", "variants[0].sku"),
        ({"variants": [{"sku": "A", "price": pounds(-1)}]}, 422, "unprocessable", "variants[0].price.amount"),
        ({"variants": [{"sku": "A", "price": pounds(10**18)}]}, 422, "unprocessable", "variants[0].price.amount"),
        (
            {"variants": [{"sku": "A", "price": pounds(1)}, {"sku": "B", "price": EURO}]},
            422,
            "foreign-currency",
            "variants[1].price.currency",
        ),
        ({"variants": [{"sku": "A", "price": pounds(1)}] * 2}, 422, "sku-twice", "variants[1].sku"),
        (
            {"variants": [LAST, {"sku": "A", "price": pounds(1), "position": 0}, LAST]},
            422,
            "sku-twice",
            "variants[2].sku",
        ),
        ({"images": [{"url": "javascript:alert(1)"}]}, 422, "unprocessable", "images[0].url"),
        ({"specifications": {"a": {"b": 1}}}, 422, "unprocessable", None),
        ({"description": "x" * 20_001}, 422, "unprocessable", "description"),
    ],
)
async def test_what_is_refused_leaves_no_trace(shop, change, status, problem, field):
    answer = await shop.rest.send("POST", "/products", FULL | change, user=ADMIN)
    assert (answer.status, answer.problem) == (status, problem)
    assert field is None or answer.body["field"] == field
    assert await shop.db.fetchval("SELECT count(*) FROM products") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM variants") == 0
    assert await shop.announced() == []


async def test_a_taken_slug_or_sku_is_refused_whole(shop):
    await shop.add("mug", 500)
    announced = await shop.announced()
    slug = await shop.rest.send("POST", "/products", {"slug": "mug", "name": "Another"}, user=ADMIN)
    assert (slug.status, slug.problem, slug.body["field"]) == (409, "slug-taken", "slug")
    # Its place is the one that it was sent in, wherever it is to stand.
    variants = [{"sku": "CUP", "price": pounds(1), "position": 9}, {"sku": "MUG-0", "price": pounds(1), "position": 0}]
    sku = await shop.rest.send("POST", "/products", {"name": "Cup", "variants": variants}, user=ADMIN)
    assert (sku.status, sku.problem, sku.body["skus"]) == (409, "sku-taken", ["MUG-0"])
    assert sku.body["field"] == "variants[1].sku"
    assert await shop.db.fetchval("SELECT array_agg(sku) FROM variants") == ["MUG-0"]
    assert await shop.announced() == announced


async def test_put_replaces_all_but_the_slug(shop):
    made = await shop.rest.ok("POST", "/products", FULL, status=201, user=ADMIN)
    body = {"name": "Mug", "variants": [{"sku": "MUG-S", "price": pounds(800)}], "version": 1}
    changed = await shop.rest.ok("PUT", "/products/white-mug", body, user=ADMIN)
    assert changed == made | {
        "name": "Mug",
        "description": "",
        "brand": "",
        "tags": [],
        "specifications": {},
        "images": [],
        "seo": {"title": "", "description": ""},
        "variants": [
            made["variants"][1] | {"name": "", "price": pounds(800), "position": 0, "options": {}},
        ],
        "options": [],
        "price": pounds(800),
        "price_max": pounds(800),
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > made["updated_at"]
    assert (await shop.announced())[1:] == [("product.updated", "white-mug", 2, ["MUG-L", "MUG-S"])]


async def test_a_replacement_says_what_it_replaces(shop):
    await shop.add("mug", 500)
    body = {"name": "Cup", "variants": [{"sku": "MUG-0", "price": pounds(500)}]}
    missing = await shop.rest.send("PUT", "/products/mug", body, user=ADMIN)
    assert (missing.status, missing.problem, missing.body["field"]) == (422, "version-missing", "version")
    await shop.rest.ok("PUT", "/products/mug", body | {"version": 1}, user=ADMIN)
    late = await shop.rest.send("PUT", "/products/mug", body | {"version": 1, "name": "Late"}, user=ADMIN)
    assert (late.status, late.problem, late.body["now"]) == (409, "version-conflict", 2)
    assert (await shop.rest.ok("GET", "/products/mug"))["name"] == "Cup"


async def test_if_match_is_the_version_too(shop):
    await shop.add("mug", 500)
    outcomes = []
    for header in ('"2"', "1", '"1"', '"1"', "*"):
        headers = {"authorization": f"Bearer {token_of(ADMIN)}", "if-match": header}
        reply = await ask(shop.rest._app, "PATCH", "/api/v1/products/mug", {"name": f"Cup {header}"}, headers)
        outcomes.append((reply.status, reply.json.get("field"), reply.json.get("now")))
    stale = (412, "If-Match", 1), (412, "If-Match", 2)
    assert outcomes == [stale[0], (400, "If-Match", None), (200, None, None), stale[1], (200, None, None)]
    assert (await shop.rest.ok("GET", "/products/mug"))["name"] == "Cup *"


MUTATIONS = [
    ("PATCH", "/products/mug", {"name": "Cup"}),
    ("PUT", "/products/mug", {"name": "Cup"}),
    ("DELETE", "/products/mug", None),
    ("POST", "/products/mug/variants", {"sku": "NEW", "price": pounds(1)}),
    ("PUT", "/variants/MUG-0", {"price": pounds(1)}),
    ("DELETE", "/variants/MUG-1", None),
    ("POST", "/products/mug/withhold", {"reason": "Why"}),
    ("POST", "/products/mug/reinstate", {"reason": "Why"}),
]


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
async def test_every_change_of_a_product_minds_its_version(shop, method, path, body):
    before = await shop.add("mug", 500, 600)
    headers = {"authorization": f"Bearer {token_of(ADMIN)}"}

    async def send(if_match):
        return await ask(shop.rest._app, method, f"/api/v1{path}", body, headers | {"if-match": if_match})

    stale = await send('"2"')
    assert (stale.status, stale.json["type"], stale.json["now"]) == (412, "/problems/version-mismatch", 1)
    assert await shop.rest.ok("GET", "/products/mug") == before
    assert len(await shop.announced()) == 1
    assert (await send('"7", "1"')).status in {200, 201, 204}
    # Archived, it is not there to be archived again.
    assert (await send("*")).status in (
        {404} if path == "/products/mug" and method == "DELETE" else {200, 204, 404, 409}
    )


async def test_two_editors_one_wins(shop):
    await shop.add("mug", 500)
    patches = [{"name": f"Editor {at}", "version": 1} for at in range(8)]
    answers = await asyncio.gather(*(shop.rest.send("PATCH", "/products/mug", one, user=ADMIN) for one in patches))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert [one[2] for one in await shop.announced()] == [1, 2]


async def test_patch_changes_what_it_names(shop):
    made = await shop.rest.ok("POST", "/products", FULL, status=201, user=ADMIN)
    changed = await shop.rest.ok("PATCH", "/products/white-mug", {"brand": "Kiln", "slug": "mug"}, user=ADMIN)
    assert changed == made | {"brand": "Kiln", "slug": "mug", "version": 2, "updated_at": changed["updated_at"]}
    assert (await shop.rest.send("GET", "/products/white-mug")).status == 301
    await shop.add("cup", 100)
    taken = await shop.rest.send("PATCH", "/products/cup", {"slug": "mug"}, user=ADMIN)
    assert (taken.status, taken.problem) == (409, "slug-taken")


async def test_a_draft_is_seen_by_those_who_sell_it(shop):
    await shop.add("mug", 500, user=SELLER, status="draft")
    for user, status in ((None, 404), (CUSTOMER, 404), (OTHER_SELLER, 404), (SELLER, 200), (ADMIN, 200)):
        assert (await shop.rest.send("GET", "/products/mug", user=user)).status == status
    assert await shop.slugs("") == []
    assert await shop.slugs("status=draft", SELLER) == ["mug"]
    assert await shop.slugs("status=draft", OTHER_SELLER) == []
    assert await shop.slugs("status=draft", ADMIN) == ["mug"]
    for user, status in ((None, 401), (CUSTOMER, 403)):
        assert (await shop.rest.send("GET", "/products?status=draft", user=user)).status == status


async def test_a_seller_changes_only_what_is_his(shop):
    made = await shop.add("mug", 500, user=SELLER)
    assert made["seller_id"] == SELLER.id
    await shop.add("shops-own", 500)
    await shop.add("draft", 500, user=SELLER, status="draft")
    attempts = [
        ("PATCH", "/products/{}", {"name": "Mine"}),
        ("PUT", "/products/{}", {"name": "Mine", "version": 1}),
        ("DELETE", "/products/{}", None),
        ("POST", "/products/{}/variants", {"sku": "NEW", "price": pounds(1)}),
    ]
    for slug, status in (("mug", 403), ("shops-own", 403), ("draft", 404), ("unknown", 404)):
        for method, path, body in attempts:
            answer = await shop.rest.send(method, path.format(slug), body, user=OTHER_SELLER)
            assert answer.status == status, (method, slug)
    for method, body in (("PUT", {"price": pounds(1)}), ("DELETE", None)):
        assert (await shop.rest.send(method, "/variants/MUG-0", body, user=OTHER_SELLER)).status == 403
    for user, status in ((None, 401), (CUSTOMER, 403)):
        assert (await shop.rest.send("POST", "/products", FULL, user=user)).status == status
    assert (await shop.rest.ok("GET", "/products/mug")) == made
    assert len(await shop.announced()) == 3
    await shop.rest.ok("PATCH", "/products/mug", {"name": "His"}, user=SELLER)
    await shop.rest.ok("PATCH", "/products/mug", {"name": "Admin's"}, user=ADMIN)


async def test_a_list_in_a_change_is_the_whole_list(shop):
    variants = [{"sku": sku, "price": pounds(1), "options": {"of": sku}} for sku in ("A", "B")]
    made = {"name": "Mug", "tags": ["a", "b"], "images": [{"url": "/media/a.jpg"}], "variants": variants}
    await shop.rest.ok("POST", "/products", made, status=201, user=ADMIN)
    change = {"tags": ["b"], "images": [], "variants": variants[1:]}
    left = await shop.rest.ok("PATCH", "/products/mug", change, user=ADMIN)
    assert (left["name"], left["tags"], left["images"]) == ("Mug", ["b"], [])
    assert [one["sku"] for one in left["variants"]] == ["B"]
    again = await shop.rest.send("POST", "/products", {"name": "Cup", "variants": variants[:1]}, user=ADMIN)
    assert again.problem == "sku-taken", "what is archived keeps its SKU"


async def test_deleting_archives_and_the_skus_stay_taken(shop):
    await shop.add("mug", 500)
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    assert (await shop.announced())[-1] == ("product.deleted", "mug", 2, ["MUG-0"])
    assert (await shop.rest.send("GET", "/products/mug")).problem == "no-such-product"
    assert (await shop.rest.send("DELETE", "/products/mug", user=ADMIN)).status == 404
    assert await shop.slugs("") == []
    assert await shop.slugs("status=archived", ADMIN) == ["mug"]
    body = {"name": "Cup", "variants": [{"sku": "MUG-0", "price": pounds(1)}]}
    assert (await shop.rest.send("POST", "/products", body, user=ADMIN)).problem == "sku-taken"
    back = await shop.rest.ok("PATCH", "/products/mug", {"status": "active"}, user=ADMIN)
    assert (back["status"], back["version"]) == ("active", 3)


async def test_variants_come_change_and_go_with_their_product(shop):
    await shop.add("mug", 500)
    new = {"sku": "MUG-XL", "name": "Extra large", "price": pounds(900)}
    added = await shop.rest.ok("POST", "/products/mug/variants", new, status=201, user=ADMIN)
    assert [(one["sku"], one["position"]) for one in added["variants"]] == [("MUG-0", 0), ("MUG-XL", 1)]
    assert (added["price"], added["price_max"], added["version"]) == (pounds(500), pounds(900), 2)
    again = await shop.rest.send("POST", "/products/mug/variants", new, user=ADMIN)
    assert (again.status, again.problem) == (409, "sku-taken")

    changed = await shop.rest.ok("PUT", "/variants/MUG-XL", {"price": pounds(300)}, user=ADMIN)
    assert changed["variants"][1] == {
        "id": added["variants"][1]["id"],
        "sku": "MUG-XL",
        "name": "",
        "price": pounds(300),
        "position": 1,
        "options": {},
        "barcode": "",
        "weight": None,
        "image": None,
        "custom_fields": {},
        "metadata": {},
    }
    assert changed["price"] == pounds(300)

    await shop.rest.ok("DELETE", "/variants/MUG-XL", status=204, user=ADMIN)
    assert (await shop.rest.send("DELETE", "/variants/MUG-XL", user=ADMIN)).problem == "no-such-variant"
    last = await shop.rest.send("DELETE", "/variants/MUG-0", user=ADMIN)
    assert (last.status, last.problem) == (422, "nothing-for-sale")
    shown = await shop.rest.ok("GET", "/products/mug")
    assert ([one["sku"] for one in shown["variants"]], shown["price_max"]) == (["MUG-0"], pounds(500))
    assert [one[2:] for one in await shop.announced()] == [
        (1, ["MUG-0"]),
        (2, ["MUG-XL"]),
        (3, ["MUG-XL"]),
        (4, ["MUG-XL"]),
    ]

    back = await shop.rest.ok("POST", "/products/mug/variants", new, status=201, user=ADMIN)
    assert [one["sku"] for one in back["variants"]] == ["MUG-0", "MUG-XL"]
    assert back["variants"][1]["id"] == added["variants"][1]["id"]


async def test_products_added_at_once_with_the_same_skus_have_one_winner(shop):
    skus = [f"S{at}" for at in range(10)]
    bodies = [
        {"name": f"Product {at}", "variants": [{"sku": sku, "price": pounds(1)} for sku in order]}
        for at, order in enumerate([skus, skus[::-1]] * 4)
    ]
    answers = await asyncio.gather(*(shop.rest.send("POST", "/products", one, user=ADMIN) for one in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert len(await shop.announced()) == 1


async def test_two_products_that_claim_each_others_skus_are_both_refused(shop):
    for at in range(25):
        await shop.add(f"a{at}", 100)
        await shop.add(f"b{at}", 100)
        ways = ((f"a{at}", f"B{at}-0"), (f"b{at}", f"A{at}-0"))
        answers = await asyncio.gather(
            *(
                shop.rest.send(
                    "PATCH", f"/products/{slug}", {"variants": [{"sku": sku, "price": pounds(1)}]}, user=ADMIN
                )
                for slug, sku in ways
            )
        )
        assert [(answer.status, answer.problem) for answer in answers] == [(409, "sku-taken")] * 2


async def test_what_is_stored_step_by_step_can_be_put_at_once(shop):
    await shop.rest.ok("POST", "/products", {"slug": "mug", "name": "Mug"}, status=201, user=ADMIN)
    variants = [{"sku": f"MUG-{at}", "price": pounds(1)} for at in range(MOST_VARIANTS - 1)]
    await shop.rest.ok("PATCH", "/products/mug", {"variants": variants}, user=ADMIN)
    last = {"sku": "LAST", "price": pounds(1), "position": MOST_POSITION}
    await shop.rest.ok("POST", "/products/mug/variants", last, status=201, user=ADMIN)
    one_more = {"sku": "ONE-MORE", "price": pounds(1)}
    before = await shop.rest.ok("GET", "/products/mug", user=ADMIN)
    answer = await shop.rest.send("POST", "/products/mug/variants", one_more, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "too-many-variants", "sku")
    assert await shop.rest.ok("GET", "/products/mug", user=ADMIN) == before
    await shop.rest.ok("DELETE", "/variants/MUG-0", status=204, user=ADMIN)
    shown = await shop.rest.ok("POST", "/products/mug/variants", one_more, status=201, user=ADMIN)
    assert [one["position"] for one in shown["variants"]][-2:] == [MOST_POSITION] * 2
    body = {"name": "Mug", "version": shown["version"], "variants": shown["variants"]}
    put = await shop.rest.ok("PUT", "/products/mug", body, user=ADMIN)
    assert put["variants"] == shown["variants"]


async def test_a_product_does_not_grow_beyond_what_a_message_takes(shop):
    """Each change is small, and what the others noted on the variants stays."""
    most = {f"k{at}": "v" * 500 for at in range(50)}
    skus = [f"MUG-{at}" for at in range(MOST_BYTES // 25_000 + 1)]
    noted = [{"sku": sku, "price": pounds(1), "options": {"No": sku}, "metadata": most} for sku in skus]
    plain = [one | {"metadata": {}} for one in noted]
    await shop.add("mug", 1, variants=plain)
    for start in range(0, len(skus), 40):
        variants = [noted[at] if start <= at < start + 40 else plain[at] for at in range(len(skus))]
        answer = await shop.rest.send("PATCH", "/products/mug", {"variants": variants}, user=ADMIN)
        before = await shop.rest.ok("GET", "/products/mug", user=ADMIN)
        assert answer.status == (409 if start + 40 >= len(skus) else 200)
    assert (answer.problem, answer.body["limit"]) == ("product-too-large", MOST_BYTES)
    items = [{"slug": "mug", "variants": variants}]
    many = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert many["items"][0]["problem"]["type"] == "/problems/product-too-large"
    assert await shop.rest.ok("GET", "/products/mug", user=ADMIN) == before
    # What is about something else, or makes it smaller, goes in.
    await shop.rest.ok("PATCH", "/products/mug", {"variants": plain[:5]}, user=ADMIN)


@pytest.mark.parametrize(("number", "status"), [(2.0**53, 201), (-(2.0**53), 201), (1e17, 422), (-1e17, 422)])
async def test_a_number_comes_back_as_one_that_can_be_put(shop, number, status):
    body = {"slug": "mug", "name": "Mug", "specifications": {"Atoms": number}}
    answer = await shop.rest.send("POST", "/products", body, user=ADMIN)
    assert answer.status == status, answer
    if status == 201:
        shown = answer.body["specifications"]
        patched = await shop.rest.ok("PATCH", "/products/mug", {"specifications": shown}, user=ADMIN)
        assert patched["specifications"] == shown


async def test_a_change_that_meets_another_in_a_deadlock_begins_again(shop, postgres):
    product = await shop.rest.ok("POST", "/products", FULL, status=201, user=ADMIN)
    await shop.rest.ok("POST", "/categories", {"slug": "cups", "name": "Cups"}, status=201, user=ADMIN)
    other = await asyncpg.connect(postgres.dsn(shop.db.dsn.rpartition("/")[2]))
    await other.execute("SET deadlock_timeout = '10s'")  # so that it is not the other who finds it, and gives way
    async with other.transaction():
        await other.execute("SELECT FROM categories FOR UPDATE")
        patch = {"category": "cups", "name": "Black Mug"}
        changing = asyncio.create_task(shop.rest.send("PATCH", f"/products/{product['id']}", patch, user=ADMIN))
        async with asyncio.timeout(5):
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0)
        await other.execute("SELECT FROM products FOR UPDATE")
    await other.close()
    answer = await changing
    assert (answer.status, answer.body["name"], answer.body["version"]) == (200, "Black Mug", 2)
    assert [each[0] for each in await shop.announced()] == ["product.created", "product.updated"]


async def test_what_is_answered_is_what_is_read(shop):
    """Each number and name in the place where it is kept, too: of one version there is one tag."""
    for entity in ("product", "variant"):
        for name in ("length", "in", "kg"):
            field = {"name": name, "type": "text", "public": True}
            await shop.rest.ok("POST", f"/custom-fields/{entity}", field, status=201, user=ADMIN)
    noted = {"custom_fields": {"length": "1", "kg": "2"}, "metadata": {"warehouse": "A", "erp": "B"}}
    sold = {"price": pounds(1)} | noted
    variants = [
        {"sku": "A", "options": {"size": "S", "hue": "red"}} | sold,
        {"sku": "B", "options": {"hue": "red", "size": "L"}} | sold,
    ]
    said = {"specifications": {"Height": 1, "a": -0.0, "Zip": 0.50, "aa": 1.0}, "variants": variants} | noted
    more = {"specifications": {"Width": 1, "b": -0.0, "aa": 1.0}, "custom_fields": {"in": "1"}, "metadata": {"c": "d"}}
    third = {"sku": "C", "options": {"hue": "blue", "size": "L"}} | sold
    for method, path, body in (
        ("POST", "/products", {"name": "Mug", "slug": "mug"} | said),
        ("PATCH", "/products/mug", more),
        ("POST", "/products/mug/variants", third),
        ("PUT", "/variants/C", {"options": {"size": "S", "hue": "blue"}} | sold),
        ("PATCH", "/products/mug", {"variants": [*reversed(variants), third]}),
    ):
        answer = await shop.rest.send(method, path, body, user=ADMIN)
        read = await shop.rest.send("GET", "/products/mug", user=ADMIN)
        assert answer.status < 300, answer.body
        assert answer.headers["etag"] == read.headers["etag"], (answer.body, read.body)

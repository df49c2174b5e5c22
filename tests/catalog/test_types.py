"""Product types: what their products say of themselves, how it is checked, and what becomes of it with the types."""

import asyncio

import msgspec
import pytest

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest, ImportProductsRequest, ListAttributesRequest
from stoa.kit.http.preconditions import ANYTHING
from stoa.services.catalog.define_types import remove_type
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.types_errors import ProductTypeInUse

from .conftest import ADMIN, CUSTOMER, SELLER, pounds

COLORS = [{"value": "red", "label": "Signal red", "hex": "#c0392b"}, {"value": "blue", "hex": "#2980b9"}]
ATTRIBUTES = [
    {"name": "weight", "type": "number", "label": "Weight", "unit": "g", "min": 1, "max": 5000, "filterable": True},
    {"name": "made_of", "type": "text", "max_length": 20},
    {"name": "dishwasher", "type": "boolean"},
    {"name": "since", "type": "date", "earliest": "2000-01-01"},
    {"name": "size", "type": "select", "choices": [{"value": "s", "label": "Small"}, {"value": "l"}]},
    {"name": "fits", "type": "multi_select", "choices": [{"value": "hob"}, {"value": "oven"}]},
    {"name": "color", "type": "color", "choices": COLORS},
]
NAMES = [one["name"] for one in ATTRIBUTES]
GOOD = {
    "weight": 350.5,
    "made_of": "steel",
    "dishwasher": True,
    "since": "2020-02-29",
    "size": "s",
    "fits": ["oven", "hob"],
    "color": "red",
}


def uses(*names, required=()):
    return [{"attribute": name, "required": name in required} for name in names]


MUGS = {"slug": "mugs", "name": "Mugs", "attributes": uses(*NAMES, required=("weight",))}


@pytest.fixture
async def types(shop):
    for attribute in ATTRIBUTES:
        await shop.rest.ok("POST", "/attributes", attribute, status=201, user=ADMIN)
    await shop.rest.ok("POST", "/product-types", MUGS, status=201, user=ADMIN)


async def refused(shop, method, path, body, user=ADMIN):
    """What was said, with the proof that nothing was done."""
    marks = """
        SELECT (SELECT count(*) FROM event_log), (SELECT count(*) FROM staff_acts), (SELECT sum(version) FROM products)
    """
    before = await shop.db.fetchrow(marks)
    answer = await shop.rest.send(method, path, body, user=user)
    assert await shop.db.fetchrow(marks) == before
    return answer.status, answer.problem, answer.body.get("field")


async def test_a_product_shows_what_its_type_asks_for_in_its_order(shop, types):
    made = await shop.add("mug", 500, product_type="mugs", specifications=GOOD)
    assert made["specifications"] == GOOD
    assert list(made["specifications"]) == NAMES
    assert (made["product_type"]["slug"], made["product_type"]["name"]) == ("mugs", "Mugs")
    shown = {one["name"]: one for one in made["attributes"]}
    assert list(shown) == NAMES
    assert shown["weight"] == {
        "name": "weight", "label": "Weight", "type": "number", "unit": "g", "value": 350.5, "chosen": []
    }  # fmt: skip
    assert shown["color"]["chosen"] == COLORS[:1]
    assert [choice["value"] for choice in shown["fits"]["chosen"]] == ["hob", "oven"]
    assert shown["size"]["chosen"] == [{"value": "s", "label": "Small", "hex": None}]
    assert await shop.rest.ok("GET", "/products/mug") == made
    told = (await CatalogServicer(shop.catalog).GetProduct(GetProductRequest(product="mug"), None)).product
    assert told.product_type == "mugs"
    said = {one.name: getattr(one, one.WhichOneof("value") or "texts") for one in told.specifications}
    assert said == GOOD
    weight, *_, color = told.specifications
    assert (weight.type, weight.label, weight.unit) == ("number", "Weight", "g")
    assert [(one.value, one.label, one.hex) for one in color.chosen] == [("red", "Signal red", "#c0392b")]


WRONG = [
    ("weight", "heavy"),
    ("weight", True),
    ("weight", 0),
    ("weight", 5000.1),
    ("made_of", "x" * 21),
    ("made_of", ""),
    ("made_of", 1),
    ("dishwasher", "yes"),
    ("dishwasher", 1),
    ("since", "1999-12-31"),
    ("since", "2023-02-29"),
    ("since", "29.2.2020"),
    ("size", "Small"),
    ("size", ["s"]),
    ("fits", "hob"),
    ("fits", ["hob", "hob"]),
    ("fits", ["fridge"]),
    ("fits", []),
    ("color", "#c0392b"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}={value!r:.12}" for name, value in WRONG])
async def test_a_value_that_does_not_fit_is_refused(shop, types, name, value):
    made = await shop.add("mug", 500, product_type="mugs", specifications=GOOD)
    body = {"specifications": GOOD | {name: value}}
    expected = (422, "wrong-specification", f"specifications.{name}")
    assert await refused(shop, "PATCH", "/products/mug", body) == expected
    assert await shop.rest.ok("GET", "/products/mug") == made


async def test_what_the_type_does_not_have_or_asks_for_in_vain_is_refused(shop, types):
    body = {"slug": "mug", "name": "Mug", "product_type": "mugs", "variants": [{"sku": "M", "price": pounds(1)}]}
    more = body | {"specifications": GOOD | {"handles": 2}}
    assert await refused(shop, "POST", "/products", more) == (422, "unknown-specification", "specifications.handles")
    less = (422, "specification-missing", "specifications.weight")
    assert await refused(shop, "POST", "/products", body) == less
    assert await refused(shop, "POST", "/products", body | {"product_type": "cups"}) == (
        422, "unknown-product-type", "product_type"
    )  # fmt: skip
    draft = await shop.rest.ok("POST", "/products", body | {"status": "draft"}, status=201, user=ADMIN)
    assert draft["specifications"] == {}
    assert await refused(shop, "PATCH", "/products/mug", {"status": "active"}) == less
    light = {"status": "active", "specifications": {"weight": 1}}
    assert (await shop.rest.ok("PATCH", "/products/mug", light, user=ADMIN))["standing"] == "active"
    assert await refused(shop, "PATCH", "/products/mug", {"specifications": {}}) == less


async def test_many_at_once_are_checked_each_for_itself(shop, types):
    def mug(at, **specifications):
        variants = [{"sku": f"M-{at}", "price": pounds(1)}]
        return {"slug": f"m-{at}", "name": "Mug", "product_type": "mugs", "variants": variants} | {
            "specifications": specifications
        }

    items = [mug(0, weight=1), mug(1, weight=0), mug(2), mug(3, weight=3), mug(4) | {"product_type": "none"}]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert [one["outcome"] for one in answer["items"]] == ["created", "refused", "refused", "created", "refused"]
    assert [one["problem"]["field"] for one in answer["items"] if one["problem"]] == [
        "products[1].specifications.weight",
        "products[2].specifications.weight",
        "products[4].product_type",
    ]
    again = [{"slug": "m-0", "specifications": {"weight": 2}}, {"slug": "m-3", "tags": ["x"]}, mug(0, weight=1)]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": again[:2]}, user=ADMIN)
    assert answer["counts"]["updated"] == 2
    assert (await shop.rest.ok("GET", "/products/m-3"))["specifications"] == {"weight": 3}


async def test_without_a_type_anything_may_be_said_and_a_type_is_given_with_what_fits(shop, types):
    free = {"Height": "10 cm", "weight": 350, "Colors": ["red", "blue"]}
    made = await shop.add("mug", 500, specifications=free)
    assert (made["specifications"], made["product_type"], made["attributes"]) == (free, None, [])
    told = (await CatalogServicer(shop.catalog).GetProduct(GetProductRequest(product="mug"), None)).product
    assert {one.name: list(one.texts) for one in told.specifications if one.texts} == {"Colors": ["red", "blue"]}
    kept = (422, "unknown-specification", "specifications.Colors")
    assert await refused(shop, "PATCH", "/products/mug", {"product_type": "mugs"}) == kept
    typed = {"product_type": "mugs", "specifications": {"weight": 350}}
    changed = await shop.rest.ok("PATCH", "/products/mug", typed, user=ADMIN)
    assert (changed["specifications"], changed["version"]) == ({"weight": 350}, 2)
    told = await shop.db.fetchval("SELECT data FROM event_log ORDER BY id DESC LIMIT 1")
    assert told["changed"] == ["specifications", "product_type"]
    assert await shop.rest.ok("PATCH", "/products/mug", typed, user=ADMIN) == changed
    freed = await shop.rest.ok("PATCH", "/products/mug", {"product_type": None}, user=ADMIN)
    assert (freed["specifications"], freed["product_type"], freed["attributes"]) == ({"weight": 350}, None, [])
    assert await shop.db.fetchval("SELECT specifications FROM products") == {"weight": 350}


async def test_what_no_longer_fits_stays_until_it_is_written_again(shop, types):
    made = await shop.add("mug", 500, product_type="mugs", specifications={"weight": 350, "made_of": "steel"})
    await shop.rest.ok("PUT", "/attributes/weight", {"type": "number", "unit": "kg", "max": 10}, user=ADMIN)
    asking = MUGS | {"attributes": uses("weight", "made_of", "size", required=("size",))}
    await shop.rest.ok("PUT", "/product-types/mugs", asking, user=ADMIN)
    shown = await shop.rest.ok("GET", "/products/mug")
    assert (shown["specifications"], shown["version"]) == (made["specifications"], 1)
    assert (shown["attributes"][0]["unit"], shown["attributes"][0]["label"]) == ("kg", "")
    # Sent again as it is, with all else, it is no change, and a change of something else does not look at it.
    assert await shop.rest.ok("PATCH", "/products/mug", {"specifications": made["specifications"]}, user=ADMIN) == shown
    named = await shop.rest.ok("PATCH", "/products/mug", {"name": "Cup"}, user=ADMIN)
    assert (named["specifications"], named["version"]) == (made["specifications"], 2)
    other = {"specifications": {"weight": 350, "made_of": "tin"}}
    assert await refused(shop, "PATCH", "/products/mug", other) == (422, "specification-missing", "specifications.size")
    heavier = {"specifications": {"weight": 351, "size": "s"}}
    assert await refused(shop, "PATCH", "/products/mug", heavier) == (
        422, "wrong-specification", "specifications.weight"
    )  # fmt: skip
    whole = {"specifications": {"weight": 350, "size": "s"}}
    assert (await shop.rest.ok("PATCH", "/products/mug", whole, user=ADMIN))["version"] == 3


async def test_what_a_type_no_longer_has_is_out_of_sight_at_once(shop, types):
    await shop.add("mug", 500, product_type="mugs", specifications=GOOD)
    await shop.rest.ok("PUT", "/product-types/mugs", MUGS | {"attributes": uses("color", "weight")}, user=ADMIN)
    shown = await shop.rest.ok("GET", "/products/mug")
    assert (shown["specifications"], shown["version"]) == ({"color": "red", "weight": 350.5}, 1)
    assert list(shown["specifications"]) == ["color", "weight"]
    await shop.rest.ok("DELETE", "/attributes/size", status=204, user=ADMIN)
    await shop.rest.ok("POST", "/attributes", ATTRIBUTES[4], status=201, user=ADMIN)
    await shop.rest.ok("PUT", "/product-types/mugs", MUGS, user=ADMIN)
    # What was made again under the name is another; what was only put aside is there until the product is written.
    shown = await shop.rest.ok("GET", "/products/mug")
    assert shown["specifications"] == {name: value for name, value in GOOD.items() if name != "size"}
    await shop.rest.ok("PUT", "/product-types/mugs", MUGS | {"attributes": uses("color", "weight")}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/mug", {"name": "Cup"}, user=ADMIN)
    await shop.rest.ok("PUT", "/product-types/mugs", MUGS, user=ADMIN)
    shown = await shop.rest.ok("GET", "/products/mug")
    assert shown["specifications"] == {"weight": 350.5, "color": "red"}


async def test_a_label_changes_no_product(shop, types):
    made = await shop.add("mug", 500, product_type="mugs", specifications=GOOD)
    body = {name: value for name, value in ATTRIBUTES[0].items() if name != "name"} | {"label": "Gewicht"}
    changed = await shop.rest.ok("PUT", "/attributes/weight", body, user=ADMIN)
    assert (changed["label"], changed["version"]) == ("Gewicht", 2)
    shown = await shop.rest.ok("GET", "/products/mug")
    assert (shown["attributes"][0]["label"], shown["version"]) == ("Gewicht", made["version"])
    told = await shop.db.fetch("SELECT type, subject, aggregate_version, data FROM event_log ORDER BY id DESC LIMIT 1")
    assert [tuple(row) for row in told] == [
        (
            "attribute.updated",
            str(changed["id"]),
            2,
            {"attribute_id": changed["id"], "name": "weight", "changed": ["label"]},
        )
    ]
    assert await shop.rest.ok("PUT", "/attributes/weight", body, user=ADMIN) == changed


DEFINITIONS = [
    ({"type": "text", "unit": "g"}, "unit"),
    ({"type": "boolean", "max": 3}, "max"),
    ({"type": "number", "min": 3, "max": 2}, "max"),
    ({"type": "date", "earliest": "2021-01-02", "latest": "2021-01-01"}, "latest"),
    ({"type": "select"}, "choices"),
    ({"type": "select", "choices": [{"value": "a"}, {"value": "a"}]}, "choices"),
    ({"type": "color", "choices": [{"value": "red"}]}, "choices[0].hex"),
    ({"type": "select", "choices": [{"value": "a"}, {"value": "b", "hex": "#000000"}]}, "choices[1].hex"),
    ({"type": "number", "choices": [{"value": "a"}]}, "choices"),
]


@pytest.mark.parametrize(("body", "field"), DEFINITIONS, ids=[f"{body['type']}-{field}" for body, field in DEFINITIONS])
async def test_a_definition_that_makes_no_sense_is_refused(shop, body, field):
    answer = await refused(shop, "POST", "/attributes", {"name": "x"} | body)
    assert answer == (422, "wrong-attribute", field)


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/attributes", ATTRIBUTES[0], (409, "attribute-taken", "name")),
        ("PUT", "/attributes/weight", {"type": "text"}, (409, "attribute-stays", "type")),
        ("PUT", "/attributes/none", {"type": "text"}, (404, "no-such-attribute", "attribute")),
        ("DELETE", "/attributes/weight", None, (409, "attribute-in-use", "attribute")),
        ("POST", "/product-types", MUGS, (409, "slug-taken", "slug")),
        ("POST", "/product-types", MUGS | {"slug": "all"}, (422, "slug-reserved", "slug")),
        (
            "POST",
            "/product-types",
            {"slug": "x", "name": "X", "attributes": uses("weight", "none")},
            (422, "unknown-attribute", "attributes[1].attribute"),
        ),
        (
            "PUT",
            "/product-types/mugs",
            MUGS | {"attributes": uses("weight", "weight")},
            (422, "attribute-twice", "attributes[1]"),
        ),
        ("PUT", "/product-types/none", MUGS, (404, "no-such-product-type", "product_type")),
        ("DELETE", "/product-types/mugs", None, (409, "product-type-in-use", "product_type")),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(shop, types, method, path, body, said):
    await shop.add("mug", 500, product_type="mugs", specifications=GOOD)
    assert await refused(shop, method, path, body) == said


async def test_who_may_define_and_who_is_told(shop, types):
    for user in (CUSTOMER, SELLER):
        answer = await shop.rest.send("POST", "/attributes", {"name": "x", "type": "text"}, user=user)
        assert answer.status == 403
    shown = (await shop.rest.ok("GET", "/attributes?limit=2"))["items"]
    assert [one["name"] for one in shown] == ["color", "dishwasher"]
    (mugs,) = (await shop.rest.ok("GET", "/product-types"))["items"]
    assert [one["attribute"]["name"] for one in mugs["attributes"]] == NAMES
    assert await shop.rest.ok("GET", "/product-types/mugs") == await shop.rest.ok("GET", f"/product-types/{mugs['id']}")
    renamed = await shop.rest.ok("PUT", "/product-types/mugs", MUGS | {"slug": "cups"}, user=ADMIN)
    assert (renamed["id"], renamed["version"]) == (mugs["id"], 2)
    await shop.rest.ok("DELETE", "/product-types/cups", status=204, user=ADMIN)
    await shop.rest.ok("DELETE", "/attributes/weight", status=204, user=ADMIN)
    acts = [row["act"] for row in await shop.db.fetch("SELECT act FROM staff_acts ORDER BY id")]
    assert acts[len(ATTRIBUTES) :] == [
        "product_type.added",
        "product_type.changed",
        "product_type.removed",
        "attribute.removed",
    ]
    events = await shop.db.fetch("SELECT type, aggregate_version FROM event_log ORDER BY id")
    assert [tuple(row) for row in events][len(ATTRIBUTES) :] == [
        ("product_type.created", 1),
        ("product_type.updated", 2),
        ("product_type.deleted", 3),
        ("attribute.deleted", 2),
    ]


async def test_an_index_is_told_all_attributes_page_by_page(shop, types):
    rpc, found, cursor = CatalogServicer(shop.catalog), [], ""
    while True:
        page = await rpc.ListAttributes(ListAttributesRequest(cursor=cursor, limit=3), None)
        found += page.attributes
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    assert [one.name for one in found] == sorted(NAMES)
    by_name = {one.name: one for one in found}
    weight, color = by_name["weight"], by_name["color"]
    assert (weight.label, weight.type, weight.unit, weight.filterable, weight.version) == (
        "Weight", "number", "g", True, 1
    )  # fmt: skip
    assert [(one.value, one.label, one.hex) for one in color.choices] == [
        ("red", "Signal red", "#c0392b"),
        ("blue", "", "#2980b9"),
    ]


async def test_an_import_brings_types_that_are_not_there(shop):
    await shop.rest.ok("POST", "/attributes", ATTRIBUTES[0] | {"label": "Ours"}, status=201, user=ADMIN)
    variants = [ImportProductsRequest.NewVariant(sku="M")]
    variants[0].price.amount_minor, variants[0].price.currency = 1, "GBP"
    request = ImportProductsRequest(
        products=[
            ImportProductsRequest.NewProduct(
                slug="mug",
                name="Mug",
                product_type="mugs",
                specifications_json=msgspec.json.encode(GOOD),
                variants=variants,
            )
        ],
        attributes_json=[msgspec.json.encode(one) for one in ATTRIBUTES],
        product_types_json=[msgspec.json.encode(MUGS)],
    )
    answer = await CatalogServicer(shop.catalog).ImportProducts(request, None)
    assert (answer.added, answer.already_there) == (1, 0)
    shown = await shop.rest.ok("GET", "/products/mug")
    assert (shown["specifications"], shown["attributes"][0]["label"]) == (GOOD, "Ours")
    assert (await CatalogServicer(shop.catalog).ImportProducts(request, None)).already_there == 1


async def test_a_type_does_not_go_while_a_product_gets_it(shop, types):
    """Who takes it away waits for the product that has it in hand, and then finds that."""
    async with shop.db.dedicated() as other, other.transaction():
        await other.execute("SELECT FROM product_types WHERE slug = 'mugs' FOR KEY SHARE")
        going = asyncio.create_task(remove_type(shop.catalog, "mugs", ANYTHING))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await other.execute(
            "INSERT INTO products (id, slug, name, status, product_type_id)"
            " SELECT gen_random_uuid(), 'mug', 'Mug', 'draft', id FROM product_types"
        )
    with pytest.raises(ProductTypeInUse):
        await going
    assert await shop.db.fetchval("SELECT count(*) FROM product_types") == 1


async def test_a_batch_of_a_type_costs_the_same_number_of_statements(shop, types, asked):
    async def cost(many):
        counts = []
        for weight in (1, 2, 2):
            items = [
                {
                    "slug": f"p{many}-{at}",
                    "name": "P",
                    "product_type": "mugs",
                    "specifications": GOOD | {"weight": weight},
                    "variants": [{"sku": f"P{many}-{at}", "price": pounds(1)}],
                }
                for at in range(many)
            ]
            asked.clear()
            await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
            counts.append(len(asked))
        return counts

    assert await cost(1) == await cost(20) == await cost(200)


async def test_a_thousand_variants_cost_the_statements_of_one(shop, types, asked):
    async def cost(many):
        def variants(price):
            return [{"sku": f"V{many}-{at}", "price": pounds(price), "options": {"n": str(at)}} for at in range(many)]

        counts = []
        body = {"name": "P", "slug": f"p{many}", "product_type": "mugs", "specifications": GOOD}
        for method, path, more in (
            ("POST", "/products", body | {"variants": variants(1)}),
            ("GET", f"/products/p{many}", None),
            ("PATCH", f"/products/p{many}", {"variants": variants(2), "specifications": GOOD | {"weight": 2}}),
            ("PATCH", f"/products/p{many}", {"variants": variants(2)}),
        ):
            asked.clear()
            answer = await shop.rest.send(method, path, more, user=ADMIN)
            assert (answer.status, len(answer.body["variants"])) == (201 if method == "POST" else 200, many)
            counts.append(len(asked))
        return counts

    assert await cost(1) == await cost(20) == await cost(1000)


async def test_a_text_of_a_specification_has_nothing_that_nobody_sees(shop) -> None:
    for value in ("a\u200bb", ["fine", "a\u202eb"]):
        body = {"slug": "jug", "name": "Jug", "specifications": {"Glaze": value}}
        answer = await shop.rest.send("POST", "/products", body, user=ADMIN)
        assert (answer.status, answer.body["field"]) == (422, "specifications.Glaze")
    assert await shop.slugs("status=draft", ADMIN) == []


async def test_a_hex_in_capitals_is_kept_in_small_letters(shop):
    paint = {"name": "paint", "type": "color", "choices": [{"value": "red", "hex": "#FF00aB"}]}
    made = await shop.rest.ok("POST", "/attributes", paint, status=201, user=ADMIN)
    assert made["choices"][0]["hex"] == "#ff00ab"
    again = await shop.rest.ok("GET", "/attributes/paint", user=ADMIN)
    assert again["choices"] == made["choices"]

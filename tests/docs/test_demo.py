"""The demo shop has what the pages say that it has: something of each, to be looked at."""

from docs.pages import ROOT, table
from journeys.client import ADDRESS, Shopper

from stoa.cli.seed import assortment

INVENTORY = ROOT / "docs" / "services" / "inventory.md"


async def test_something_of_each_is_in_stock(admin: Shopper):
    requests = [request.partition(" ") for _, request in table(INVENTORY, "| what | to look at |")]
    shown = {path: await admin.ok("GET", path) for method, _, path in requests if method == "GET"}
    promise = {sku: shown[f"/inventory/{sku}"]["promise"]["kind"] for sku in ("WEEKENDER-40", "BLANKET-SLATE")}
    assert promise == {"WEEKENDER-40": "in_stock", "BLANKET-SLATE": "preorder_from"}
    assert shown["/inventory/WEEKENDER-40"]["available_to_promise"] == 10 + 20
    assert shown["/inventory/MUG-RED"]["safety_stock"] == 5
    assert {one["id"] for one in shown["/warehouses"]["items"]} >= {"main", "north"}
    assert "PEN-B" in {one["sku"] for one in shown["/inventory?low_stock=true"]["items"]}
    (receipt,), (transfer,) = (shown[path]["items"] for path in ("/receipts?state=expected", "/transfers?state=sent"))
    assert (receipt["supplier"], transfer["destination"]) == ("Harbour Press & Games", "north")
    (waited_for,) = (path for method, _, path in requests if method == "POST")
    await admin.ok("POST", waited_for, {}, status=202)
    sold_out = await admin.ok("GET", waited_for.removesuffix("/subscriptions"))
    assert (sold_out["promise"]["kind"], sold_out["incoming"]) == ("sold_out", 50)


async def test_what_is_said_in_another_language_is_all_there(admin: Shopper):
    goods = assortment()
    said = {f"/products/{one.slug}": one.translations for shelf in goods.category for one in shelf.product}
    said |= {f"/attributes/{one.said['name']}": one.translations for one in goods.attribute}
    for path, texts in said.items():
        listed = (await admin.ok("GET", f"{path}/translations"))["items"]
        assert {one["locale"] for one in listed} == texts.keys(), path
    pan = await admin.ok("GET", "/products/gusseiserne-pfanne?locale=de")
    assert pan["specifications"]["care"] == "Sofort abtrocknen und dünn einölen."


async def test_a_search_has_a_synonym_and_a_pinned_product(visitor: Shopper):
    found = await visitor.until("/search?q=rucksack", lambda answer: answer["items"])
    assert [one["slug"] for one in found["items"]] == ["canvas-backpack"]
    gifts = ["fountain-pen", "enamel-mug"]
    await visitor.until("/search?q=gift", lambda answer: [one["slug"] for one in answer["items"][:2]] == gifts)


async def test_who_is_in_the_group_pays_less(visitor: Shopper, admin: Shopper):
    ada = await visitor.register()
    path = "/prices?skus=MUG-WHITE&quantity=12"
    assert (await ada.ok("GET", path))["items"][0]["price"]["amount"] == 995
    me = await ada.ok("GET", "/auth/me")
    await admin.ok("PUT", f"/auth/customer-groups/trade/members/{me['id']}")
    trader = await visitor.sign_in(me["email"], "a long enough passphrase")
    assert (await trader.ok("GET", path))["items"][0]["price"]["amount"] == 795


async def test_goods_are_sent_everywhere_and_fetched_in_camden(visitor: Shopper):
    ada = await visitor.register()
    await ada.fill_cart(**{"SEEDS-WILD": 2, "SKILLET-26": 2})
    offers = (await ada.ok("POST", "/checkout/shipping-methods", {"shipping_address": ADDRESS}))["items"]
    assert [(one["code"], one["cost"]["amount"]) for one in offers] == [
        ("standard", 0),
        ("express", 995),
        ("camden", 0),
    ]
    berlin = ADDRESS | {"city": "Berlin", "postal_code": "10115", "country": "DE"}
    offers = (await ada.ok("POST", "/checkout/shipping-methods", {"shipping_address": berlin}))["items"]
    assert [(one["name"], one["cost"]["amount"]) for one in offers] == [
        ("International tracked", 1495),
        ("Courier", 3495),
    ]
    here, there = [
        await ada.ok("POST", "/checkout/quote", {"shipping_method": "express", "shipping_address": address})
        for address in (ADDRESS, berlin)
    ]
    taxes = [(one["name"], one["rate"], one["base"]["amount"], one["amount"]["amount"]) for one in here["taxes"]]
    assert taxes == [("VAT", "0", 900, 0), ("VAT", "20", 8500 + 995, 1899)]
    assert there["taxes"] == []
    fetched = await ada.ok("POST", "/checkout/quote", {"shipping_method": "camden"})
    assert fetched["pickup_address"]["name"] == "Stoa Camden"


async def test_a_campaign_applies_of_itself_and_another_by_its_code(visitor: Shopper):
    ada = await visitor.register()
    await ada.ok("PUT", "/cart/me/items", {"items": [{"sku": "MUG-RED", "quantity": 3}]})
    wish = {"shipping_method": "standard", "shipping_address": ADDRESS}
    quoted = await ada.ok("POST", "/checkout/quote", wish)
    assert (quoted["discount"]["amount"], quoted["shipping"]["amount"]) == (995, 495)
    await ada.ok("PUT", "/cart/me/items", {"items": [{"sku": "MUG-RED", "quantity": 4}]})
    quoted = await ada.ok("POST", "/checkout/quote", wish | {"coupon_codes": ["welcome"]})
    assert [one["name"] for one in quoted["promotions"]["applied"]] == ["Three mugs for two", "Welcome"]
    # Four at 9.95, one of them free, and a tenth of the rest.
    assert (quoted["discount"]["amount"], quoted["shipping"]["amount"]) == (995 + 299, 0)

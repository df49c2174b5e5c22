"""After the order: cancel with restock and refund, ship, deliver, return."""

from journeys.client import Shopper


async def test_a_canceled_order_is_restocked_refunded_and_told(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=2500, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 2})
    order = await ada.buy()
    await admin.until(f"/inventory/{sku}", lambda stock: stock["on_hand"] == 3)

    canceled = await ada.ok("POST", f"/orders/{order['id']}/cancel", {"reason": "changed my mind"})
    assert canceled["status"] == "canceled"

    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (5, 0))
    refunded = await ada.until(f"/orders/{order['id']}", lambda body: body["payment_status"] == "refunded")
    assert refunded["status"] == "canceled"
    payment = await admin.ok("GET", f"/payments/{order['payment_id']}")
    assert (payment["state"], payment["refunded"]) == ("refunded", order["total"])
    mails = await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 3)
    assert {mail["template"] for mail in mails["items"]} == {"order_confirmation", "order_canceled", "refund_issued"}

    again = await ada.refused("POST", f"/orders/{order['id']}/cancel", {"reason": "again"})
    assert (again.status, again.problem) == (409, "order-state")


async def test_what_is_on_backorder_is_sent_when_it_is_there(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=1000, on_hand=1)
    await admin.ok("PUT", f"/inventory/{sku}/policy", {"policy": "backorder", "limit": 5, "lead_days": 14})
    ada = await visitor.register()
    cart = await ada.fill_cart(**{sku: 3})
    in_cart = cart["items"][0]["promise"]
    order = await ada.buy()
    ship = f"/orders/{order['id']}/ship"
    parcel = {"carrier": "DHL", "tracking_number": "JD0146"}
    allocation = (await admin.ok("GET", f"/orders/{order['id']}/allocation"))["items"]
    assert [(one["quantity"], one["warehouse"]) for one in allocation] == [(1, "main"), (2, None)]
    early = await admin.refused("POST", ship, parcel)
    assert (early.status, early.problem, early.body["skus"]) == (409, "goods-to-come", [{"sku": sku, "quantity": 2}])
    (item,) = order["items"]
    assert item["promise"]["kind"] == "ships_by"
    (waiting,) = (await admin.ok("GET", f"/backorders?sku={sku}"))["items"]
    assert item["promise"] == waiting["promise"] == in_cart
    assert (waiting["order_id"], waiting["quantity"], waiting["filled"]) == (order["id"], 2, 0)
    await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 2})
    assert (await admin.ok("POST", ship, parcel))["status"] == "shipped"


async def test_ship_deliver_and_return_one_of_two(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=1000, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 2})
    order = await ada.buy()
    path = f"/orders/{order['id']}"
    assert (await ada.send("POST", f"{path}/ship", {"carrier": "DHL", "tracking_number": "1"})).status == 403
    shipped = await admin.ok("POST", f"{path}/ship", {"carrier": "DHL", "tracking_number": "JD0146"})
    assert shipped["status"] == "shipped"
    late = await ada.refused("POST", f"{path}/cancel", {"reason": "too late"})
    assert late.problem == "order-state"
    assert (await admin.ok("POST", f"{path}/deliver"))["status"] == "delivered"

    back = {"items": [{"sku": sku, "quantity": 1}], "reason": "wrong color"}
    asked = await ada.ok("POST", f"{path}/return", back, status=201)
    assert (asked["status"], asked["refund"]["amount"]) == ("requested", 0)
    one = f"{path}/returns/{asked['id']}"
    assert (await ada.send("POST", f"{one}/approve")).status == 403
    await admin.ok("POST", f"{one}/approve")
    assert (await admin.ok("GET", f"/inventory/{sku}"))["on_hand"] == 3
    received = await admin.ok("POST", f"{one}/receive", {"items": back["items"]})
    assert (received["status"], received["refund"]["amount"]) == ("received", 1200)
    await admin.until(f"/inventory/{sku}", lambda stock: stock["on_hand"] == 4)
    partly = await ada.until(path, lambda body: body["payment_status"] == "partially_refunded")
    assert partly["status"] == "delivered"

    too_many = await ada.refused("POST", f"{path}/return", {"items": [{"sku": sku, "quantity": 2}], "reason": "all"})
    assert too_many.status in {409, 422}
    at_once = await admin.ok("POST", f"{path}/return", back, status=201)
    assert at_once["status"] == "received"
    whole = await ada.until(path, lambda body: body["status"] == "returned")
    payment = await admin.until(
        f"/payments/{order['payment_id']}",
        lambda body: body["refunded"]["amount"] == order["total"]["amount"] - _kept(order),
    )
    assert payment["state"] == "partially_refunded" if _kept(order) else "refunded"
    assert [entry["status"] for entry in (await ada.ok("GET", f"{path}/history"))["items"]][-1] == "returned"
    assert whole["id"] == order["id"]


def _kept(order) -> int:
    """What a return does not give back: the shipping and its tax."""
    goods = sum(item["subtotal"]["amount"] + item["tax"]["amount"] for item in order["items"])
    return order["total"]["amount"] - goods


async def test_what_is_anothers_does_not_exist(visitor: Shopper, new_product):
    sku = await new_product(price=1000, on_hand=5)
    ada, eve = await visitor.register("Ada"), await visitor.register("Eve")
    await ada.fill_cart(**{sku: 1})
    cart = await ada.ok("GET", "/cart/me")
    order = await ada.buy()
    address = await ada.ok(
        "POST",
        "/users/addresses",
        {"name": "A", "line1": "1", "city": "L", "postal_code": "N1", "country": "GB"},
        status=201,
    )
    for method, path, body in (
        ("GET", f"/orders/{order['id']}", None),
        ("GET", f"/orders/{order['id']}/history", None),
        ("POST", f"/orders/{order['id']}/cancel", {"reason": "mine"}),
        ("POST", f"/orders/{order['id']}/return", {"items": [{"sku": sku, "quantity": 1}], "reason": "mine"}),
        ("GET", f"/cart/{cart['id']}", None),
        ("GET", f"/cart/{ada.user['id']}", None),
        ("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": 1}),
        ("DELETE", f"/cart/{cart['id']}", None),
        ("GET", f"/payments/{order['payment_id']}", None),
        ("GET", f"/users/addresses/{address['id']}", None),
        ("DELETE", f"/users/addresses/{address['id']}", None),
    ):
        for stranger in (eve, visitor):
            answer = await stranger.refused(method, path, body)
            assert answer.status in ({404} if stranger is eve else {401, 404}), (method, path, answer.body)
    assert (await ada.ok("GET", f"/orders/{order['id']}"))["status"] == "confirmed"

"""Every change that people make can be made dependent on the version that they saw; what cannot says why."""

from __future__ import annotations

import importlib

from stoa.app import SERVICES

WHY_NOT = {
    "POST /auth/login": "a session is made",
    "POST /auth/refresh": "the refresh token says which session is meant, and works once",
    "POST /auth/logout": "a session ends, whatever was seen of it",
    "POST /auth/validate": "nothing changes",
    "POST /auth/change-password": "the current password is the condition",
    "PUT /auth/customer-groups/{name}/members/{user_id}": "somebody is in it or not",
    "DELETE /auth/customer-groups/{name}/members/{user_id}": "somebody is in it or not",
    "POST /auth/me/delete": "the current password is the condition",
    "DELETE /users/wishlist/{product_or_sku}": "it is on the list or not",
    "POST /products/bulk": "each item has a `version` of its own",
    "POST /product-imports": "a file is brought; what it says of a product may have a `version` of its own",
    "DELETE /product-imports/{import_id}": "what has not ended ends, whatever was seen of it",
    "PUT /inventory": "it is said what lies there, whatever was seen of it; who goes by a version says it of one SKU",
    "POST /inventory/{sku}/reserve": "a reservation is made, by its key",
    "POST /inventory/{sku}/release": "a reservation is given back once",
    "POST /stock-discrepancies/{discrepancy_id}/settle": "it is settled once",
    "POST /inventory/{sku}/subscriptions": "somebody waits for it or not",
    "DELETE /inventory/{sku}/subscriptions": "somebody waits for it or not",
    "DELETE /stock-subscriptions/{token}": "an address waits for something or not",
    "DELETE /campaigns/{campaign_id}/coupons/{code}": "it is taken or not",
    "POST /checkout/quote": "nothing changes",
    "POST /checkout/shipping-methods": "nothing changes",
    "POST /checkouts/{checkout_id}/retry": "its state is the condition",
    "POST /media/{file_id}/pictures": "its state is the condition",
    "POST /payments/webhooks/{provider}": "the provider says what is",
    "POST /payments/drifts/{drift_id}/settle": "it is settled once",
    "PUT /payments/methods/{method_id}/default": "it is the one that is suggested, or not",
    "DELETE /payments/methods/{method_id}": "it is kept or not",
    "POST /payments/{payment_id}/reconcile": "it is only compared",
}


def test_what_is_there_is_changed_by_its_version():
    unversioned = set()
    for service in SERVICES.values():
        for route in importlib.import_module(f"{service.package}.routes").routes.bind(None).routes:
            # Nobody has seen a version of what a request makes.
            makes = route.method == "POST" and route.status == 201
            if not (route.idempotency is None or route.versioned or makes or route.alias_of):
                unversioned.add(f"{route.method} {route.path.replace(':uuid}', '}')}")
    assert unversioned == set(WHY_NOT)

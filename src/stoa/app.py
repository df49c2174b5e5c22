"""The whole system on one page: each service, its paths, whom it may call, what it announces and what it hears.

Nothing here is decoration. The gateway sends on what is under `paths`, and a service whose routes are others does not
start; a channel to a service that is not under `calls` is refused at start; an event type that is not under
`announces` is refused when announced; `hears` is where the bus delivers, and only with `gets_personal` the members of
a fact that are about a person. What is much and no fact, as who looked at what, is written to `streams` and read by
whoever `follows` them. A route that asks for what is not under `permissions` is refused at start.
Each service owns a database and a login role of its own (`stoa.runtime.access`), unless its `store` is None; no other
role may connect to it. Which services share a process is said in `topologies/*.toml` and nowhere in the code.
"""

from stoa.kit import packages
from stoa.kit.permissions import Permission, Permissions
from stoa.kit.service import LargestBody, PublicRead, Service

_PRODUCTS_CHANGE = ("product.created", "product.updated", "product.deleted")
_CATEGORIES_CHANGE = ("category.created", "category.updated", "category.deleted")
_BRANDS_CHANGE = ("brand.created", "brand.updated", "brand.deleted")
_TYPES_CHANGE = (
    *("attribute.created", "attribute.updated", "attribute.deleted"),
    *("product_type.created", "product_type.updated", "product_type.deleted"),
)
_COLLECTIONS_CHANGE = ("collection.created", "collection.updated", "collection.deleted")

OURS = (
    Service(
        name="auth",
        paths=(
            "POST /auth/register",
            "POST /users/register",
            "POST /auth/login",
            "POST /auth/refresh",
            "POST /auth/logout",
            "POST /auth/validate",
            "POST /auth/change-password",
            "POST /users/change-password",
            "GET /auth/me",
            "GET /auth/users",
            "POST /auth/me/delete",
            "GET DELETE /auth/users/{user_id:uuid}",
            "PUT /auth/users/{user_id:uuid}/roles",
            "POST /auth/users/{user_id:uuid}/disable",
            "POST /auth/users/{user_id:uuid}/enable",
            "GET /auth/users/{user_id:uuid}/acts",
            "GET /auth/permissions",
            "GET POST /auth/roles",
            "GET PUT DELETE /auth/roles/{name}",
            "GET POST /auth/sellers",
            "GET /auth/sellers/{seller_id:uuid}",
            "POST /auth/sellers/{seller_id:uuid}/block",
            "POST /auth/sellers/{seller_id:uuid}/unblock",
            "GET /auth/sellers/{seller_id:uuid}/members",
            "GET PUT DELETE /auth/sellers/{seller_id:uuid}/members/{user_id:uuid}",
            "GET POST /auth/customer-groups",
            "GET PUT DELETE /auth/customer-groups/{name}",
            "GET /auth/customer-groups/{name}/members",
            "GET PUT DELETE /auth/customer-groups/{name}/members/{user_id:uuid}",
        ),
        sign_ins=("/auth/register", "/users/register", "/auth/login", "/auth/refresh", "/auth/validate"),
        secretive=True,
        announces=(
            "user.registered",
            "user.changed",
            "user.disabled",
            "user.deleted",
            "user.proof_asked",
            "seller.changed",
        ),
        permissions=(
            Permission("auth.users.read", "See all accounts and roles, and what staff did to them"),
            Permission("auth.users.disable", "Keep somebody from signing in, and let them again"),
            Permission("auth.users.delete", "Delete accounts, for good"),
            Permission("auth.users.assign", "Give roles to accounts, and take them away"),
            Permission("auth.roles.edit", "Make, change and remove roles"),
            Permission("auth.sellers.read", "See all sellers and who acts for them"),
            Permission("auth.sellers.edit", "Make sellers, and say who acts for them"),
            Permission("auth.sellers.block", "Let a seller sell nothing, and let it sell again"),
            Permission("auth.groups.edit", "Make customer groups, and say who is in them"),
        ),
    ),
    Service(
        name="user",
        paths=(
            "GET PUT PATCH /users/profile",
            "PUT DELETE /users/avatar",
            "GET POST /users/addresses",
            "GET PUT DELETE /users/addresses/{address_id:uuid}",
            "GET PUT /users/preferences",
            "GET POST /users/wishlist",
            "DELETE /users/wishlist/{product_or_sku}",
            "GET PATCH /users/{user_id:uuid}/profile",
            "GET POST /custom-fields/customer",
            "GET PUT DELETE /custom-fields/customer/{name}",
        ),
        calls=("auth", "media"),
        permissions=(
            Permission("user.profiles.read", "See the profiles of customers, with what only the shop sees of them"),
            Permission("user.profiles.edit", "Set custom fields and metadata of customers"),
            Permission("user.fields.edit", "Define the custom fields of customers"),
        ),
        announces=("user.updated",),
        hears=("user.registered", "user.deleted", "file.ready"),
        gets_personal=True,
        beside="auth",
    ),
    Service(
        name="catalog",
        paths=(
            "GET POST /products",
            "POST /products/bulk",
            "GET /prices",
            "GET PUT PATCH DELETE /products/{product}",
            "POST /products/{product}/withhold",
            "POST /products/{product}/reinstate",
            "POST /products/{product}/variants",
            "PUT DELETE /variants/{variant}",
            "GET /products/export",
            "GET POST /product-imports",
            "GET DELETE /product-imports/{import_id:uuid}",
            "GET /product-imports/{import_id:uuid}/refusals",
            "GET /product-imports/{import_id:uuid}/refused",
            "GET POST /categories",
            "GET PUT DELETE /categories/{category}",
            "GET POST /price-lists",
            "GET PUT DELETE /price-lists/{list}",
            "GET PUT /price-lists/{list}/prices",
            "GET POST /brands",
            "GET PUT DELETE /brands/{brand}",
            "POST /brands/{brand}/merge",
            "GET /tags",
            "GET POST /attributes",
            "GET PUT DELETE /attributes/{attribute}",
            "GET /attributes/{attribute}/translations",
            "PUT DELETE /attributes/{attribute}/translations/{locale}",
            "GET POST /product-types",
            "GET PUT DELETE /product-types/{product_type}",
            "GET POST /collections",
            "GET PUT DELETE /collections/{collection}",
            "GET /products/{product}/translations",
            "PUT DELETE /products/{product}/translations/{locale}",
            "GET /categories/{category}/translations",
            "PUT DELETE /categories/{category}/translations/{locale}",
            "GET /collections/{collection}/translations",
            "PUT DELETE /collections/{collection}/translations/{locale}",
            "GET /brands/{brand}/translations",
            "PUT DELETE /brands/{brand}/translations/{locale}",
            "GET /product-types/{product_type}/translations",
            "PUT DELETE /product-types/{product_type}/translations/{locale}",
            "PUT /collections/{collection}/products",
            "PUT DELETE /collections/{collection}/products/{product:uuid}",
            "GET POST /custom-fields/product",
            "GET PUT DELETE /custom-fields/product/{name}",
            "GET POST /custom-fields/variant",
            "GET PUT DELETE /custom-fields/variant/{name}",
            "GET POST /custom-fields/category",
            "GET PUT DELETE /custom-fields/category/{name}",
        ),
        bodies=(LargestBody("POST /product-imports", 256 << 20),),
        public=(
            PublicRead(
                path="/products",
                changed_by=(*_PRODUCTS_CHANGE, *_CATEGORIES_CHANGE, *_COLLECTIONS_CHANGE),
                more_for=("catalog.products.edit", "catalog.products.edit_own", "catalog.products.withhold"),
            ),
            PublicRead(
                path="/products/{product}",
                changed_by=_PRODUCTS_CHANGE,
                more_for=("catalog.products.edit", "catalog.products.edit_own"),
            ),
            PublicRead(path="/categories", changed_by=_CATEGORIES_CHANGE, more_for=("catalog.categories.edit",)),
            PublicRead(
                path="/categories/{category}", changed_by=_CATEGORIES_CHANGE, more_for=("catalog.categories.edit",)
            ),
            PublicRead(path="/collections", changed_by=_COLLECTIONS_CHANGE, more_for=("catalog.collections.edit",)),
            PublicRead(
                path="/collections/{collection}",
                changed_by=_COLLECTIONS_CHANGE,
                more_for=("catalog.collections.edit",),
            ),
            PublicRead(
                path="/brands", changed_by=(*_BRANDS_CHANGE, *_PRODUCTS_CHANGE), more_for=("catalog.brands.edit",)
            ),
            # That the last product of one is sold no more its own page does not hear.
            PublicRead(path="/brands/{brand}", changed_by=_BRANDS_CHANGE, more_for=("catalog.brands.edit",)),
            PublicRead(path="/tags", changed_by=_PRODUCTS_CHANGE),
            PublicRead(path="/prices", changed_by=(*_PRODUCTS_CHANGE, "price_list.updated"), by_group=True),
        ),
        announces=(
            *_PRODUCTS_CHANGE,
            *_CATEGORIES_CHANGE,
            *_COLLECTIONS_CHANGE,
            *_TYPES_CHANGE,
            *_BRANDS_CHANGE,
            "price_list.updated",
        ),
        calls=("media", "inventory"),
        hears=("seller.changed", "user.changed", "file.ready"),
        shares=("currency", "locales"),
        permissions=(
            Permission("catalog.products.edit", "Add products of the shop, and change any"),
            Permission("catalog.products.edit_own", "Add products, and change one's own", given_to=("seller",)),
            Permission("catalog.products.withhold", "Keep any product from being sold, and let it be sold again"),
            Permission("catalog.fields.edit", "Define the custom fields of products, variants and categories"),
            Permission("catalog.categories.edit", "Add, change and remove categories"),
            Permission("catalog.prices.edit", "See price lists, make and end them, and set the prices in them"),
            Permission("catalog.types.edit", "Define product types and the attributes of products"),
            Permission("catalog.collections.edit", "Add, change and remove collections"),
            Permission("catalog.brands.edit", "Describe, rename, merge and remove brands"),
        ),
    ),
    Service(
        name="search",
        paths=(
            "GET /search",
            "GET /products/search",
            "GET /search/suggest",
            "GET /search/report",
            "GET POST /search/synonyms",
            "GET PUT DELETE /search/synonyms/{synonym_id:uuid}",
            "GET POST /search/rules",
            "GET PUT DELETE /search/rules/{rule_id:uuid}",
        ),
        # No event drops what the index has not seen yet: so it is kept for as long as that may take, and no longer.
        public=tuple(
            PublicRead(path=path, changed_by=(), keep_seconds=0.5)
            for path in ("/search", "/products/search", "/search/suggest")
        ),
        calls=("catalog", "inventory"),
        hears=(
            *_PRODUCTS_CHANGE,
            *_CATEGORIES_CHANGE,
            "attribute.created",
            "attribute.updated",
            "attribute.deleted",
            "product_type.updated",
            "brand.updated",
            "brand.deleted",
            "inventory.sold_out",
            "inventory.back_in_stock",
            "order.placed",
            "order.canceled",
            "order.returned",
        ),
        shares=("currency", "locales"),
        permissions=(
            Permission("search.rules.edit", "Say which words mean the same, and what comes first in a search"),
            Permission("search.report.read", "See what was searched for, and what was not found"),
        ),
        beside="catalog",
    ),
    Service(
        name="inventory",
        paths=(
            "GET PUT /inventory/{sku}",
            "GET PUT /inventory",
            "GET /availability",
            "PUT /inventory/{sku}/policy",
            "GET /backorders",
            "POST DELETE /inventory/{sku}/subscriptions",
            "DELETE /stock-subscriptions/{token:uuid}",
            "POST /inventory/{sku}/reserve",
            "POST /inventory/{sku}/release",
            "GET /inventory/{sku}/movements",
            "GET POST /warehouses",
            "GET PUT DELETE /warehouses/{warehouse_id}",
            "POST /warehouses/{warehouse_id}/close",
            "POST /warehouses/{warehouse_id}/open",
            "GET /stock-discrepancies",
            "POST /stock-discrepancies/{discrepancy_id}/settle",
            "GET POST /transfers",
            "GET PUT /transfers/{transfer_id:uuid}",
            "POST /transfers/{transfer_id:uuid}/send",
            "POST /transfers/{transfer_id:uuid}/receive",
            "POST /transfers/{transfer_id:uuid}/lose",
            "POST /transfers/{transfer_id:uuid}/cancel",
            "GET POST /receipts",
            "GET PUT /receipts/{receipt_id:uuid}",
            "POST /receipts/{receipt_id:uuid}/receive",
            "POST /receipts/{receipt_id:uuid}/cancel",
            "GET POST /stock-counts",
            "GET /stock-counts/{count_id:uuid}",
            "GET PUT /stock-counts/{count_id:uuid}/lines",
            "POST /stock-counts/{count_id:uuid}/apply",
            "POST /stock-counts/{count_id:uuid}/cancel",
        ),
        calls=("catalog",),
        sign_ins=("/inventory/{sku}/subscriptions",),
        announces=("inventory.sold_out", "inventory.back_in_stock", "inventory.low_stock", "inventory.wait_ended"),
        permissions=(
            Permission(
                "inventory.stock.read",
                "See stock, its movements and discrepancies, warehouses, transfers, receipts and counts",
            ),
            Permission("inventory.stock.count", "Count any SKU, and say how it is promised"),
            Permission(
                "inventory.stock.count_own", "Count what one sells, and say how it is promised", given_to=("seller",)
            ),
            Permission("inventory.stock.hold", "Hold stock, and give a hold back"),
            Permission("inventory.warehouses.edit", "Add warehouses, say where they are, close and remove them"),
            Permission("inventory.discrepancies.settle", "Settle sales and returns that no stock answers for"),
            Permission("inventory.transfers.edit", "Send goods from one warehouse to another, and receive them"),
            Permission("inventory.receipts.edit", "Expect goods of suppliers, and receive them"),
            Permission("inventory.counts.edit", "Count warehouses, and book what was found"),
        ),
        hears=(
            "product.created",
            "product.updated",
            "product.deleted",
            "order.placed",
            "order.canceled",
            "order.items_canceled",
            "order.returned",
            "user.deleted",
        ),
        beside="catalog",
    ),
    Service(
        name="media",
        paths=(
            "GET POST /media",
            "GET PATCH DELETE /media/{file_id:uuid}",
            "POST /media/{file_id:uuid}/pictures",
            "POST /media/{file_id:uuid}/link",
            "GET /media/{file_id:uuid}/content",
            "GET /media/{file_id:uuid}/{picture}",
        ),
        bodies=(LargestBody("POST /media", 20 * 1024 * 1024),),
        calls=("auth", "catalog", "user"),
        announces=("file.ready",),
        hears=("product.created", "product.updated", "user.updated", "user.deleted"),
        permissions=(
            Permission("media.files.edit", "Upload pictures of products and documents, and change any"),
            Permission("media.files.edit_own", "Upload them, and change one's own", given_to=("seller",)),
        ),
        beside="catalog",
    ),
    Service(
        name="cart",
        paths=(
            "POST /cart",
            "GET DELETE /cart/{ref}",
            "POST PUT /cart/{ref}/items",
            "PUT DELETE /cart/{ref}/items/{sku}",
            "POST /cart/{ref}/items/{sku}/save-for-later",
            "POST /cart/{ref}/saved/{sku}/move-to-cart",
            "DELETE /cart/{ref}/saved/{sku}",
            "POST /cart/{ref}/problems/accept",
            "PUT /cart/{ref}/contact",
            "POST /cart/{ref}/merge",
            "GET POST /custom-fields/cart-line",
            "GET PUT DELETE /custom-fields/cart-line/{name}",
        ),
        permissions=(Permission("cart.fields.edit", "Define the custom fields of the lines of carts"),),
        secretive=True,
        calls=("catalog", "inventory"),
        announces=("cart.abandoned",),
        hears=("inventory.sold_out", "inventory.back_in_stock", "user.deleted"),
        shares=("currency",),
        beside="order",
    ),
    Service(
        name="campaign",
        paths=(
            "GET POST /campaigns",
            "GET PUT DELETE /campaigns/{campaign_id:uuid}",
            "GET POST /campaigns/{campaign_id:uuid}/coupons",
            "POST /campaigns/{campaign_id:uuid}/coupons/generate",
            "GET DELETE /campaigns/{campaign_id:uuid}/coupons/{code}",
            "GET /campaigns/{campaign_id:uuid}/redemptions",
        ),
        hears=("order.canceled",),
        beside="order",
        permissions=(
            Permission("campaign.campaigns.read", "See campaigns, their codes, and which orders used them"),
            Permission("campaign.campaigns.edit", "Make, change and end campaigns, and give out codes"),
        ),
    ),
    Service(
        name="checkout",
        paths=(
            "POST /checkout/quote",
            "POST /checkout/shipping-methods",
            "GET POST /tax/zones",
            "GET PUT DELETE /tax/zones/{zone_id:uuid}",
            "GET POST /shipping/zones",
            "GET PUT DELETE /shipping/zones/{zone_id:uuid}",
            "POST /orders",
            "GET /checkouts/{checkout_id:uuid}",
            "GET /checkouts",
            "POST /checkouts/{checkout_id:uuid}/retry",
        ),
        calls=("cart", "catalog", "campaign", "inventory", "payment", "order"),
        shares=("currency", "prices_include_tax"),
        beside="order",
        permissions=(
            Permission("checkout.checkouts.read", "See all checkouts"),
            Permission("checkout.checkouts.retry", "Send a checkout that needs attention on its way again"),
            Permission("checkout.taxes.edit", "See tax zones and their rates, make, change and remove them"),
            Permission("checkout.shipping.edit", "See shipping zones and their methods, make, change and remove them"),
        ),
    ),
    Service(
        name="order",
        paths=(
            "GET /orders",
            "GET PATCH /orders/{order_id:uuid}",
            "GET /orders/{order_id:uuid}/history",
            "GET /orders/{order_id:uuid}/allocation",
            "POST /orders/{order_id:uuid}/cancel",
            "POST /orders/{order_id:uuid}/process",
            "POST /orders/{order_id:uuid}/ship",
            "POST /orders/{order_id:uuid}/deliver",
            "GET /orders/export",
            "GET /orders/{order_id:uuid}/shipments",
            "GET POST /orders/{order_id:uuid}/notes",
            "GET /orders/{order_id:uuid}/timeline",
            "POST /orders/{order_id:uuid}/settle",
            "POST /orders/{order_id:uuid}/return",
            "GET /orders/returns",
            "GET /orders/{order_id:uuid}/returns",
            "GET /orders/{order_id:uuid}/returns/{return_id:uuid}",
            "GET /orders/{order_id:uuid}/returns/{return_id:uuid}/history",
            "POST /orders/{order_id:uuid}/returns/{return_id:uuid}/cancel",
            "POST /orders/{order_id:uuid}/returns/{return_id:uuid}/approve",
            "POST /orders/{order_id:uuid}/returns/{return_id:uuid}/refuse",
            "POST /orders/{order_id:uuid}/returns/{return_id:uuid}/receive",
            "GET POST /custom-fields/order",
            "GET PUT DELETE /custom-fields/order/{name}",
            "GET POST /custom-fields/order-line",
            "GET PUT DELETE /custom-fields/order-line/{name}",
        ),
        calls=("payment", "inventory"),
        permissions=(
            Permission("order.orders.read", "See all orders and returns"),
            Permission("order.orders.fulfill", "Start packing an order, hand it to a carrier, record that it arrived"),
            Permission("order.orders.cancel", "Cancel anybody's order"),
            Permission("order.orders.annotate", "Note custom fields and metadata on orders, and write notes on them"),
            Permission("order.fields.edit", "Define the custom fields of orders and their lines"),
            Permission("order.orders.export", "Take all orders out as a file"),
            Permission("order.orders.settle", "End what was to go back and payment will not give"),
            Permission("order.returns.decide", "Approve, refuse, receive and call off returns"),
        ),
        announces=(
            "order.placed",
            "order.canceled",
            "order.items_canceled",
            "order.shipped",
            "order.delivered",
            "order.return_requested",
            "order.return_approved",
            "order.return_refused",
            "order.returned",
        ),
        hears=(
            "payment.succeeded",
            "payment.failed",
            "payment.refund_changed",
            "payment.refunded",
            "payment.refund_failed",
        ),
        numbers=("order_numbers",),
    ),
    Service(
        name="payment",
        paths=(
            "GET POST /payments",
            "GET /payments/{payment_id:uuid}",
            "POST /payments/{payment_id:uuid}/capture",
            "POST /payments/{payment_id:uuid}/void",
            "POST /payments/{payment_id:uuid}/refund",
            "GET /payments/ledger",
            "GET /payments/drifts",
            "GET POST /payments/methods",
            "PUT /payments/methods/{method_id:uuid}/default",
            "DELETE /payments/methods/{method_id:uuid}",
            "POST /payments/drifts/{drift_id:uuid}/settle",
            "POST /payments/{payment_id:uuid}/reconcile",
            "POST /payments/webhooks/{provider}",
        ),
        calls=("order",),
        permissions=(
            Permission("payment.payments.read", "See all payments"),
            Permission("payment.payments.collect", "Authorize and capture payments by hand"),
            Permission("payment.payments.refund", "Void payments and give money back by hand"),
            Permission("payment.ledger.read", "See the double-entry ledger"),
            Permission("payment.drifts.settle", "Settle where ledger, orders and provider disagree"),
        ),
        announces=(
            "payment.succeeded",
            "payment.failed",
            "payment.refund_changed",
            "payment.refunded",
            "payment.refund_failed",
        ),
        hears=("order.canceled", "order.items_canceled", "order.returned", "user.deleted"),
        beside="order",
    ),
    Service(
        name="notification",
        paths=(
            "GET /notifications",
            "GET /notifications/{delivery_id:uuid}",
        ),
        hears=(
            "user.registered",
            "user.deleted",
            "user.proof_asked",
            "order.placed",
            "order.canceled",
            "order.items_canceled",
            "order.shipped",
            "order.delivered",
            "order.return_requested",
            "order.return_approved",
            "order.return_refused",
            "order.returned",
            "payment.refunded",
            "inventory.low_stock",
            "inventory.wait_ended",
        ),
        gets_personal=True,
        beside="auth",
        permissions=(Permission("notification.mails.read", "See the mails that were sent"),),
    ),
)

SERVICES: dict[str, Service] = {service.name: service for service in (*OURS, *packages.joined(OURS))}
"""Ours, and those of the packages that are installed beside us (`stoa.kit.packages`)."""

STORED: dict[str, Service] = {name: service for name, service in SERVICES.items() if service.store is not None}
"""Those of them that have a database."""

GATEWAY = Service(
    name="gateway",
    store=None,
    calls=("auth",),
    hears=tuple(dict.fromkeys(kind for one in SERVICES.values() for read in one.public for kind in read.changed_by)),
)
"""The one door. It owns no data: what it hears only drops what it keeps in memory."""


def subscribers(event_type: str) -> tuple[str, ...]:
    """Everybody whom an event of this type goes to, by name."""
    return tuple(one.name for one in (*SERVICES.values(), GATEWAY) if event_type in one.hears)


def writers(topic: str) -> tuple[str, ...]:
    """Everybody who writes behavior events to this topic, by name."""
    return tuple(one.name for one in SERVICES.values() if topic in one.streams)


def followers(topic: str) -> tuple[str, ...]:
    """Everybody who reads them, by name."""
    return tuple(one.name for one in SERVICES.values() if topic in one.follows)


def unwritten(service: Service) -> tuple[str, ...]:
    """The topics that it follows and nobody writes: whoever did is not installed any more."""
    return tuple(topic for topic in service.follows if not writers(topic))


def hearers(service: Service) -> frozenset[str]:
    """Everybody who hears of anything that the service announces, by name."""
    return frozenset(name for event_type in service.announces for name in subscribers(event_type))


PERMISSIONS = Permissions({one.name: one.permissions for one in SERVICES.values()})
"""What somebody may be allowed to do, by name: roles are made of it, and routes ask for it."""

GET_PERSONAL = frozenset(one.name for one in (*SERVICES.values(), GATEWAY) if one.gets_personal)
"""Who is told what is personal in an event, by name."""

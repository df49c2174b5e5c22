"""The whole system on one page: each service, whom it may call, what it announces and what it hears.

Nothing here is decoration. A channel to a service that is not under `calls` is refused at start; an
event type that is not under `announces` is refused when announced; `hears` is where the bus delivers, and
only with `gets_personal` the members of a fact that are about a person.
Each service owns a database and a login role of its own (`stoa.runtime.access`); no other role may
connect to it. Which services share a process is said in `topologies/*.toml` and nowhere in the code.
"""

from stoa.kit.service import Service

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(
            name="auth",
            announces=("user.registered", "user.changed", "user.proof_asked"),
        ),
        Service(
            name="user",
            calls=("auth",),
            hears=("user.registered",),
            gets_personal=True,
        ),
        Service(
            name="catalog",
            announces=("product.created", "product.updated", "product.deleted"),
            hears=("user.changed",),
        ),
        Service(
            name="inventory",
            calls=("catalog",),
            announces=("inventory.sold_out", "inventory.back_in_stock"),
            hears=(
                "product.created",
                "product.updated",
                "product.deleted",
                "order.placed",
                "order.canceled",
                "order.returned",
            ),
        ),
        Service(
            name="cart",
            calls=("catalog", "inventory"),
            hears=("inventory.sold_out", "inventory.back_in_stock"),
        ),
        Service(
            name="checkout",
            calls=("cart", "catalog", "inventory", "payment", "order"),
        ),
        Service(
            name="order",
            calls=("payment",),
            announces=(
                "order.placed",
                "order.canceled",
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
        ),
        Service(
            name="payment",
            calls=("order",),
            announces=(
                "payment.succeeded",
                "payment.failed",
                "payment.refund_changed",
                "payment.refunded",
                "payment.refund_failed",
            ),
            hears=("order.canceled", "order.returned"),
        ),
        Service(
            name="notification",
            hears=(
                "user.registered",
                "user.proof_asked",
                "order.placed",
                "order.canceled",
                "order.shipped",
                "order.delivered",
                "order.return_requested",
                "order.return_approved",
                "order.return_refused",
                "order.returned",
                "payment.refunded",
            ),
            gets_personal=True,
        ),
    )
}

GATEWAY = Service(
    name="gateway",
    calls=("auth",),
    hears=("product.created", "product.updated", "product.deleted"),
)
"""The one door. It owns no data: what it hears only drops what it keeps in memory."""


def subscribers(event_type: str) -> tuple[str, ...]:
    """Everybody whom an event of this type goes to, by name."""
    return tuple(one.name for one in (*SERVICES.values(), GATEWAY) if event_type in one.hears)


GET_PERSONAL = frozenset(one.name for one in (*SERVICES.values(), GATEWAY) if one.gets_personal)
"""Who is told what is personal in an event, by name."""

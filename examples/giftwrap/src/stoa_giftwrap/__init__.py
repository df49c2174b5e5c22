"""Gift wrapping, a package beside Stoa: what the shop has to know of it. The service itself is in `service/`."""

from stoa.kit.service import PublicRead, Service

SERVICE = Service(
    name="giftwrap",
    package="stoa_giftwrap.service",
    api=1,
    beside="order",
    paths=(
        "GET /giftwraps",
        "GET PUT /orders/{order_id:uuid}/giftwrap",
    ),
    public=(PublicRead(path="/giftwraps", changed_by=(), keep_seconds=60),),
    announces=("giftwrap.chosen",),
    hears=("order.placed", "order.shipped", "order.canceled"),
    audit="stoa_giftwrap.audit",
)

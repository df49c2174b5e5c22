"""What inventory refuses.

NotFound        NoSuchSku, NoSuchReservation, SkuOfNoProduct, UnknownWarehouse
Forbidden       NotYourStock, MayNotCount
Unprocessable   NoSuchWarehouse, PolicyLacks, PolicyHasNo
Conflict        OutOfStock, ReservationReleased, ReservationExpired, ReservationCommitted,
                ReservationKeyReused, ReservationPromised, BelowReserved, BelowBackordered, WarehouseTaken,
                WarehouseInUse, WarehouseNotEmpty, WarehouseClosed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit import problems
from stoa.services.inventory.stock_rows import Shortage


class NoSuchSku(problems.NotFound):
    title = "There is no stock of this SKU"
    slug = "no-such-sku"

    def __init__(self, sku: str) -> None:
        super().__init__(f"Inventory does not know the SKU {sku}.", field="sku")


class SkuOfNoProduct(problems.NotFound):
    title = "Nobody sells this SKU"
    slug = "sku-of-no-product"

    def __init__(self, sku: str) -> None:
        super().__init__(f"No product has the SKU {sku}: add it to yours first.", field="sku")


class NoSuchReservation(problems.NotFound):
    title = "There is no such reservation"
    slug = "no-such-reservation"

    def __init__(self) -> None:
        super().__init__("Nothing of the kind was reserved under this key.", field="key")


class NoSuchWarehouse(problems.Unprocessable):
    title = "There is no such warehouse"
    slug = "no-such-warehouse"

    def __init__(self, warehouse_id: str, field: str = "warehouse") -> None:
        super().__init__(f"There is no warehouse {warehouse_id}.", field=field)


class UnknownWarehouse(problems.NotFound):
    title = "There is no such warehouse"
    slug = "unknown-warehouse"

    def __init__(self, warehouse_id: str) -> None:
        super().__init__(f"There is no warehouse {warehouse_id}.", field="warehouse_id")


class WarehouseInUse(problems.Conflict):
    """What has had goods, or a document that names it, stays: movements tell of it for ever."""

    title = "The warehouse is in use"
    slug = "warehouse-in-use"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="warehouse_id")


class WarehouseNotEmpty(problems.Conflict):
    """What is `left` there: units `on_hand`, how many of these are `reserved`, and how many `transfers`, `receipts` and
    `counts` are not at their end."""

    title = "The warehouse is not empty"
    slug = "warehouse-not-empty"

    def __init__(self, left: Mapping[str, int]) -> None:
        named = ", ".join(f"{name.replace('_', ' ')}: {units}" for name, units in left.items())
        super().__init__(
            f"Transfer or sell what is there, and end what is open: {named}.", field="warehouse_id", left=dict(left)
        )


class WarehouseClosed(problems.Conflict):
    title = "The warehouse is closed"
    slug = "warehouse-closed"

    def __init__(self, warehouse_id: str, field: str) -> None:
        super().__init__(f"The warehouse {warehouse_id} is closed: open it, or name another.", field=field)


class NotYourStock(problems.Forbidden):
    title = "Somebody else sells this"
    slug = "not-your-stock"

    def __init__(self, sku: str) -> None:
        super().__init__(f"{sku} is sold by the shop or by another seller, who alone counts it.", field="sku")


class MayNotCount(problems.Forbidden):
    title = "Not allowed to count"
    slug = "may-not-count"

    def __init__(self) -> None:
        super().__init__("Stock is opened by who may count it.")


class OutOfStock(problems.Conflict):
    """`skus` has each line that does not fit: `{sku, requested, available}`."""

    title = "Out of stock"
    slug = "out-of-stock"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        named = ", ".join(f"{one.sku} ({one.requested} wanted, {one.available} available)" for one in shortages[:5])
        more = f" and {len(shortages) - 5} more" if len(shortages) > 5 else ""
        super().__init__(f"Not enough in stock: {named}{more}.", skus=[one._asdict() for one in shortages])


class ReservationReleased(problems.Conflict):
    title = "The reservation was given back"
    slug = "reservation-released"

    def __init__(self) -> None:
        super().__init__("This key was released; a new reservation takes a new key.", field="key")


class ReservationExpired(problems.Conflict):
    title = "The hold has expired"
    slug = "reservation-expired"

    def __init__(self) -> None:
        super().__init__("The hold has expired and its stock was given back: reserve again.", field="key")


class ReservationCommitted(problems.Conflict):
    title = "The reservation is sold"
    slug = "reservation-committed"

    def __init__(self) -> None:
        super().__init__("Its goods are sold: they come back with a canceled or returned order.", field="key")


class ReservationKeyReused(problems.Conflict):
    title = "The key stands for other lines"
    slug = "reservation-key-reused"

    def __init__(self) -> None:
        super().__init__("This key was used with other lines; a repeat must have the same.", field="key")


class ReservationPromised(problems.Conflict):
    title = "The reservation belongs to another order"
    slug = "reservation-promised"

    def __init__(self) -> None:
        super().__init__("The reservation is promised to another order.", field="order_id")


class BelowReserved(problems.Conflict):
    """`reserved` says how many of the SKU are promised in that warehouse."""

    title = "Less than what is promised"
    slug = "below-reserved"

    def __init__(self, sku: str, reserved: int) -> None:
        super().__init__(f"{reserved} of {sku} are promised to customers.", field="on_hand", reserved=reserved)


class BelowBackordered(problems.Conflict):
    """`backordered` says how many of the SKU are promised without being on hand."""

    title = "Less than what is promised"
    slug = "below-backordered"

    def __init__(self, sku: str, backordered: int) -> None:
        super().__init__(
            f"{backordered} of {sku} are promised without being on hand.", field="limit", backordered=backordered
        )


class PolicyLacks(problems.Unprocessable):
    title = "The policy needs more"
    slug = "policy-lacks"

    def __init__(self, field: str) -> None:
        needed = {
            "lead_days": "A backorder says within how many days it is sent.",
            "available_on": "A preorder says on which day, later than today, the goods are there.",
        }
        super().__init__(needed[field], field=field)


class PolicyHasNo(problems.Unprocessable):
    title = "The policy has no such term"
    slug = "policy-has-no"

    def __init__(self, policy: str, field: str) -> None:
        super().__init__(f"It would mean nothing for the policy {policy}: leave {field} out.", field=field)


class WarehouseTaken(problems.Conflict):
    title = "The warehouse exists already"
    slug = "warehouse-taken"

    def __init__(self, warehouse_id: str) -> None:
        super().__init__(f"There is a warehouse {warehouse_id} already.", field="id")

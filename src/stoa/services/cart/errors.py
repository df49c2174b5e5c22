"""The failures that cart expects."""

from __future__ import annotations

from stoa.kit import problems


class NoSuchCart(problems.NotFound):
    """There is none, or it is another user's: the two look the same from outside."""

    title = "No such cart"
    slug = "cart-not-found"

    def __init__(self, field: str | None = None) -> None:
        super().__init__("There is no such cart.", field=field)


class NotForSale(problems.NotFound):
    title = "No such SKU"
    slug = "sku-not-found"

    def __init__(self, sku: str) -> None:
        super().__init__("Nothing is for sale under this SKU.", field="sku", sku=sku)


class NoSuchLine(problems.NotFound):
    title = "No such line"
    slug = "line-not-found"

    def __init__(self, sku: str) -> None:
        super().__init__("Neither the cart nor what is saved for later has this SKU.", field="sku", sku=sku)


class OutOfStock(problems.Conflict):
    title = "Out of stock"
    slug = "out-of-stock"

    def __init__(self, sku: str, wanted: int, available: int) -> None:
        detail = f"{wanted} wanted in all, {available} available."
        super().__init__(detail, field="quantity", sku=sku, available=available)


class QuantityTooLarge(problems.Unprocessable):
    slug = "quantity-too-large"

    def __init__(self, sku: str, quantity: int) -> None:
        super().__init__(f"{quantity} of one SKU is more than a cart takes.", field="quantity", sku=sku)


class DuplicateLine(problems.Unprocessable):
    slug = "duplicate-line"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__("The same SKU stands in two lines.", field=field, sku=sku)


class CartFull(problems.Conflict):
    title = "The cart is full"
    slug = "cart-full"

"""The failures that user expects."""

from __future__ import annotations

from stoa.kit import problems


class NoSuchUser(problems.NotFound):
    title = "No such user"
    slug = "user-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class NoSuchAddress(problems.NotFound):
    """There is none, or it is another user's: the two look the same from outside."""

    title = "No such address"
    slug = "address-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such address in your address book.")


class AddressBookFull(problems.Conflict):
    title = "The address book is full"
    slug = "address-book-full"

    def __init__(self, most: int) -> None:
        super().__init__(f"An address book has at most {most} addresses: delete one first.", most=most)


class DefaultNeeded(problems.Conflict):
    title = "One address is the default"
    slug = "default-needed"

    def __init__(self) -> None:
        super().__init__("Make another address the default instead.", field="is_default")


class UnknownFile(problems.Unprocessable):
    """There is none, it has ended, it is somebody else's, or it is no avatar."""

    title = "There is no such file to show"
    slug = "unknown-file"

    def __init__(self) -> None:
        super().__init__("Upload it with purpose=avatar, and name it by its id.", field="file_id")


class OneOfTwo(problems.Unprocessable):
    title = "A product or a SKU"
    slug = "product-or-sku"

    def __init__(self) -> None:
        super().__init__("Send product_id or sku, and only one of them.", field="product_id")


class NotOnWishlist(problems.NotFound):
    title = "Not on the wishlist"
    slug = "not-on-wishlist"

    def __init__(self) -> None:
        super().__init__("Neither such a product nor such a SKU is on your wishlist.")


class WishlistFull(problems.Conflict):
    title = "The wishlist is full"
    slug = "wishlist-full"

    def __init__(self, most: int) -> None:
        super().__init__(f"A wishlist has at most {most} entries: take one off first.", most=most)

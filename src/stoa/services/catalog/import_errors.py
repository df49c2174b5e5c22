"""What catalog refuses of products as files.

NotFound        NoSuchImport
Unprocessable   NoProductOfSku, PriceMissing, CalledOtherwise, SeveralWrong
Conflict        ImportEnded, TooManyColumns, ColumnMissing
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import problems


class NoSuchImport(problems.NotFound):
    title = "There is no such import"
    slug = "no-such-import"

    def __init__(self) -> None:
        super().__init__("There is no import of this id that the caller may see.", field="import_id")


class PriceMissing(problems.Unprocessable):
    title = "A new variant needs a price"
    slug = "price-missing"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"No product has {sku} yet, so it needs a price.", field=field, sku=sku)


class NoProductOfSku(problems.Unprocessable):
    title = "No product has the SKU"
    slug = "no-product-of-sku"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"No product has the SKU {sku}: a new product needs a name.", field=field, sku=sku)


class CalledOtherwise(problems.Unprocessable):
    title = "Variants call an option, or a value, by two texts"
    slug = "called-otherwise"

    def __init__(self, what: str, texts: Sequence[str], field: str) -> None:
        super().__init__(f"{what} is called {texts[0]} by one variant and {texts[1]} by another.", field=field)


class SeveralWrong(problems.Unprocessable):
    """`errors` are all of them, in the order of the file as far as it has one."""

    title = "Several values are not acceptable"
    slug = "several-wrong"

    def __init__(self, wrong: Sequence[problems.Problem]) -> None:
        errors = [{"type": one.type, "field": one.field, "detail": one.detail} for one in wrong]
        told = [f"{one.field}: {one.detail}" if one.field else one.detail for one in wrong]
        super().__init__("; ".join(each.removesuffix(".") for each in told) + ".", field=wrong[0].field, errors=errors)


class ImportEnded(problems.Conflict):
    title = "The import has ended"
    slug = "import-ended"

    def __init__(self, state: str) -> None:
        super().__init__(f"The import is {state}: what it did stays.", state=state)


class TooManyColumns(problems.Conflict):
    title = "The products have too many members of their own for a table"
    slug = "too-many-columns"

    def __init__(self, most: int) -> None:
        super().__init__(f"A table has at most {most} columns: export JSON lines.", field="format", most=most)


class ColumnMissing(problems.Conflict):
    title = "A product got what the file has no column for"
    slug = "column-missing"

    def __init__(self, column: str, slug: str) -> None:
        super().__init__(f"{slug} has {column} since the file was begun: export it again.", column=column)

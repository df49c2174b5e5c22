"""What catalog refuses of brands.

NotFound        NoSuchBrand
Unprocessable   MergedIntoItself
Conflict        BrandTaken, BrandInUse
"""

from __future__ import annotations

from stoa.kit import problems


class NoSuchBrand(problems.NotFound):
    title = "There is no such brand"
    slug = "no-such-brand"

    def __init__(self, field: str = "brand") -> None:
        super().__init__("There is no brand of this id or slug.", field=field)


class MergedIntoItself(problems.Unprocessable):
    title = "A brand cannot be merged into itself"
    slug = "merged-into-itself"

    def __init__(self) -> None:
        super().__init__("Name another brand.", field="into")


class BrandTaken(problems.Conflict):
    title = "The brand's name is taken"
    slug = "brand-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A brand is, or was, called {name}: merge the two.", field="name")


class BrandInUse(problems.Conflict):
    title = "The brand has products"
    slug = "brand-in-use"

    def __init__(self) -> None:
        super().__init__("Merge it into another, or give its products another first.", field="brand")

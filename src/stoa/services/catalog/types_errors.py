"""What catalog refuses of attributes, product types, and what products say by them.

NotFound        NoSuchAttribute, NoSuchProductType
Unprocessable   WrongAttribute, UnknownAttribute, AttributeTwice, UnknownProductType, UnknownSpecification,
                WrongSpecification, SpecificationMissing
Conflict        AttributeTaken, AttributeStays, AttributeInUse, TooManyAttributes, ProductTypeInUse
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import problems


class NoSuchAttribute(problems.NotFound):
    title = "There is no such attribute"
    slug = "no-such-attribute"

    def __init__(self) -> None:
        super().__init__("There is no attribute of this name.", field="attribute")


class NoSuchProductType(problems.NotFound):
    title = "There is no such product type"
    slug = "no-such-product-type"

    def __init__(self) -> None:
        super().__init__("There is no product type of this id or slug.", field="product_type")


class WrongAttribute(problems.Unprocessable):
    title = "No such attribute can be"
    slug = "wrong-attribute"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class UnknownAttribute(problems.Unprocessable):
    title = "There is no such attribute"
    slug = "unknown-attribute"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"There is no attribute {name}: define it first.", field=field)


class AttributeTwice(problems.Unprocessable):
    title = "An attribute stands twice"
    slug = "attribute-twice"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"The type has {name} already.", field=field)


class UnknownProductType(problems.Unprocessable):
    title = "There is no such product type"
    slug = "unknown-product-type"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"There is no product type {slug}: define it first, with its attributes.", field="product_type"
        )


class UnknownSpecification(problems.Unprocessable):
    title = "The product's type has no such attribute"
    slug = "unknown-specification"

    def __init__(self, type_slug: str, field: str) -> None:
        super().__init__(f"Products of type {type_slug} have no such attribute.", field=field)


class WrongSpecification(problems.Unprocessable):
    title = "Not a value of this attribute"
    slug = "wrong-specification"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class SpecificationMissing(problems.Unprocessable):
    """`missing` are all that it asks for and did not get."""

    title = "The product's type asks for this attribute"
    slug = "specification-missing"

    def __init__(self, type_slug: str, missing: Sequence[str]) -> None:
        super().__init__(
            f"An active product of type {type_slug} has {', '.join(missing)}: add what is missing, or make it a draft.",
            field=f"specifications.{missing[0]}",
            missing=list(missing),
        )


class AttributeTaken(problems.Conflict):
    title = "The name is taken"
    slug = "attribute-taken"

    def __init__(self) -> None:
        super().__init__("There is an attribute of this name.", field="name")


class AttributeStays(problems.Conflict):
    title = "An attribute's type stays as it was made"
    slug = "attribute-stays"

    def __init__(self) -> None:
        super().__init__("Its values were made for the type it has: add another attribute.", field="type")


class AttributeInUse(problems.Conflict):
    """`types` are the slugs of those that have it."""

    title = "A product type has the attribute"
    slug = "attribute-in-use"

    def __init__(self, types: Sequence[str]) -> None:
        detail = f"Take it out of {', '.join(types[:5])} first."
        super().__init__(detail, field="attribute", types=list(types))


class TooManyAttributes(problems.Conflict):
    title = "The shop has as many attributes as a shop can have"
    slug = "too-many-attributes"

    def __init__(self, most: int) -> None:
        super().__init__(f"There are at most {most} attributes: delete one first.", field="name", most=most)


class ProductTypeInUse(problems.Conflict):
    title = "Products have this type"
    slug = "product-type-in-use"

    def __init__(self) -> None:
        super().__init__("Give its products another type first, the archived ones too.", field="product_type")

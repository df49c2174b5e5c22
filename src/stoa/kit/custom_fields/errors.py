"""The failures that go with custom fields and metadata."""

from __future__ import annotations

from stoa.kit import problems


class WrongDefinition(problems.Unprocessable):
    title = "No such field can be"
    slug = "custom-field-definition"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class NoSuchField(problems.NotFound):
    title = "No such custom field"
    slug = "custom-field-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such custom field.")


class FieldTaken(problems.Conflict):
    title = "The name is taken"
    slug = "custom-field-taken"

    def __init__(self) -> None:
        super().__init__("There is a custom field of this name.", field="name")


class TooManyFields(problems.Conflict):
    title = "Too many custom fields"
    slug = "custom-fields-full"

    def __init__(self, most: int) -> None:
        super().__init__(f"There are at most {most} of a kind: delete one first.", most=most)


class FieldStays(problems.Conflict):
    title = "This of a custom field stays as it was made"
    slug = "custom-field-stays"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"The {field} stays: its values were made for it. Delete the field, or add another.", field=field
        )


class UnknownField(problems.Unprocessable):
    title = "No such custom field"
    slug = "unknown-custom-field"

    def __init__(self, field: str) -> None:
        super().__init__("No such field is defined here.", field=field)


class WrongValue(problems.Unprocessable):
    title = "Not a value of this custom field"
    slug = "custom-field-value"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class NotFilterable(problems.Unprocessable):
    title = "Not to be filtered by"
    slug = "custom-field-not-filterable"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class TooMuchMetadata(problems.Unprocessable):
    title = "Too much metadata"
    slug = "too-much-metadata"

    def __init__(self, most: int, field: str) -> None:
        super().__init__(f"There are at most {most} keys.", field=field, most=most)

"""What catalog refuses.

NotFound        NoSuchProduct, NoSuchVariant, NoSuchCategory, NoSuchPriceList, NoSuchCollection,
                NoSuchTranslation
Forbidden       NotYourProduct
Unprocessable   UnknownCategory, CategoryCycle, CategoryTooDeep, NothingForSale, ForeignCurrency, VersionMissing,
                SkuTwice, OptionsTwice, ForeignVariantId, SlugLikeAnId, SlugReserved, ProductUnnamed,
                ProductTwice, UnpublishedBeforePublished, UnknownSku, ListOfAnotherCurrency, PriceTwice,
                EndsBeforeItStarts, UnknownProduct, BadCondition, CollectionAlone,
                UnknownLocale, OwnLanguage, NotOfTheProduct, NotAText, WordTwice
Conflict        SlugTaken, SkuTaken, VersionConflict, CategoryInUse, TooManyVariants, ProductWithheld,
                TooManyPriceLists, ListArchived, CollectionKind, CollectionByRules, CollectionFull
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import problems


class NoSuchProduct(problems.NotFound):
    title = "There is no such product"
    slug = "no-such-product"

    def __init__(self, field: str = "product") -> None:
        super().__init__("There is no product of this id or slug.", field=field)


class OnlyAlone(problems.Unprocessable):
    title = "A custom field is filtered by alone"
    slug = "custom-filter-alone"

    def __init__(self, field: str) -> None:
        detail = "A filter by a custom field goes with no other, of the products of the whole shop, the newest first."
        super().__init__(detail, field=field)


class CollectionAlone(problems.Unprocessable):
    title = "A collection is filtered by prices alone"
    slug = "collection-alone"

    def __init__(self) -> None:
        super().__init__("A collection goes with prices and no other filter: search has those.", field="collection")


class TagAlone(problems.Unprocessable):
    title = "A tag is filtered by alone"
    slug = "tag-filter-alone"

    def __init__(self) -> None:
        super().__init__("A filter by a tag goes with no other, of the whole shop, the newest first.", field="tag")


class SkuAlone(problems.Unprocessable):
    title = "A SKU is filtered by alone"
    slug = "sku-filter-alone"

    def __init__(self) -> None:
        super().__init__("A SKU is one product's, wherever that stands: no other filter goes with it.", field="sku")


class NoSuchVariant(problems.NotFound):
    title = "There is no such variant"
    slug = "no-such-variant"

    def __init__(self) -> None:
        super().__init__("There is no variant of this SKU or id.", field="sku")


class NoSuchCategory(problems.NotFound):
    title = "There is no such category"
    slug = "no-such-category"

    def __init__(self) -> None:
        super().__init__("There is no category of this id or slug.", field="category")


class NoSuchCollection(problems.NotFound):
    title = "There is no such collection"
    slug = "no-such-collection"

    def __init__(self) -> None:
        super().__init__("There is no collection of this id or slug.", field="collection")


class NoSuchTranslation(problems.NotFound):
    title = "It is not translated"
    slug = "no-such-translation"

    def __init__(self) -> None:
        super().__init__("Nothing is said of it in this language.", field="locale")


class NotYourProduct(problems.Forbidden):
    title = "This is another seller's product"
    slug = "not-your-product"

    def __init__(self) -> None:
        super().__init__("A seller may change only products of his own.")


class NotYourSeller(problems.Forbidden):
    title = "The caller does not act for this seller"
    slug = "not-your-seller"

    def __init__(self) -> None:
        super().__init__("Name a seller that you act for.", field="seller_id")


class WhichSeller(problems.Unprocessable):
    title = "The caller acts for several sellers"
    slug = "which-seller"

    def __init__(self) -> None:
        super().__init__("Say for which of them.", field="seller_id")


class ImageWithoutAddress(problems.Unprocessable):
    title = "An image has neither file nor address"
    slug = "image-without-address"

    def __init__(self, field: str) -> None:
        super().__init__("Name a file that was uploaded, or the address of an image elsewhere.", field=field)


class UnknownFile(problems.Unprocessable):
    """There is none, it has ended, it is another seller's, or it is no picture for products."""

    title = "There is no such file to show"
    slug = "unknown-file"

    def __init__(self, field: str, *, file_id: str | None = None) -> None:
        """With a `file_id` where it is there, and no pictures could be made of it."""
        super().__init__(
            "Upload the picture for products of this seller, and name it by its id."
            if file_id is None
            else f"No pictures could be made of it: GET /media/{file_id} says why.",
            field=field,
        )


class UnknownCategory(problems.Unprocessable):
    title = "There is no such category"
    slug = "unknown-category"

    def __init__(self, slug: str, field: str) -> None:
        super().__init__(f"There is no category {slug}.", field=field)


class UnknownLocale(problems.Unprocessable):
    """`locales` are those of the shop."""

    title = "The shop does not speak this language"
    slug = "unknown-locale"

    def __init__(self, locale: str, locales: Sequence[str], field: str) -> None:
        detail = f"The shop speaks {', '.join(locales)}, and not {locale[:20]}."
        super().__init__(detail, field=field, locales=list(locales))


class OwnLanguage(problems.Unprocessable):
    title = "This is the shop's own language"
    slug = "own-language"

    def __init__(self, locale: str) -> None:
        super().__init__(f"Things themselves say what they are called in {locale}: change those.", field="locale")


class NotOfTheProduct(problems.Unprocessable):
    title = "There is no such option, value, variant, image or specification"
    slug = "not-of-the-product"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"It has no {name[:200]}: nothing would show this text.", field=field)


class WrongBarcode(problems.Unprocessable):
    title = "This is no barcode"
    slug = "wrong-barcode"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(f"{detail}.", field=field)


class NotItsImage(problems.Unprocessable):
    title = "The product has no such image"
    slug = "not-its-image"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"None of its images is {name[:200]}: name one by its file_id or its url.", field=field)


class NotAText(problems.Unprocessable):
    title = "Only a text is said in another language"
    slug = "not-a-text"

    def __init__(self, field: str) -> None:
        super().__init__("It is no text: what choices and units are called, their attribute says.", field=field)


class WordTwice(problems.Unprocessable):
    title = "What a translation says does not tell things apart"
    slug = "word-twice"

    def __init__(self, word: str, field: str) -> None:
        detail = f"Another of them is called {word}, too: they would look alike." if word else "It has no text."
        super().__init__(detail, field=field)


class UnknownProduct(problems.Unprocessable):
    title = "There is no such product"
    slug = "unknown-product"

    def __init__(self, product_id: str, field: str) -> None:
        super().__init__(f"There is no product {product_id}.", field=field)


class BadCondition(problems.Unprocessable):
    title = "The condition says nothing, or what its field does not have"
    slug = "bad-condition"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class CategoryCycle(problems.Unprocessable):
    title = "A category cannot be inside itself"
    slug = "category-cycle"

    def __init__(self) -> None:
        super().__init__("The new parent is this category or lies within it.", field="parent")


class CategoryTooDeep(problems.Unprocessable):
    title = "Too many categories inside each other"
    slug = "category-too-deep"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} categories are inside each other.", field="parent", most=most)


class NothingForSale(problems.Unprocessable):
    title = "An active product has a variant"
    slug = "nothing-for-sale"

    def __init__(self) -> None:
        super().__init__("An active product needs at least one variant: make it a draft first.", field="variants")


class ForeignCurrency(problems.Unprocessable):
    title = "The shop's prices are in another currency"
    slug = "foreign-currency"

    def __init__(self, currency: str, field: str) -> None:
        super().__init__(f"Prices of this shop are in {currency}.", field=field)


class VersionMissing(problems.Unprocessable):
    title = "The version to be replaced is missing"
    slug = "version-missing"

    def __init__(self) -> None:
        super().__init__(
            "A replacement says which version it replaces: as `version` in the body, or as If-Match.", field="version"
        )


class SkuTwice(problems.Unprocessable):
    title = "A SKU stands twice"
    slug = "sku-twice"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"The SKU {sku} stands more than once.", field=field, sku=sku)


class OptionsTwice(problems.Unprocessable):
    """`skus` are the two that nothing would tell apart."""

    title = "Two variants have the same options"
    slug = "options-twice"

    def __init__(self, skus: Sequence[str], field: str) -> None:
        super().__init__(f"{' and '.join(skus)} have the same options.", field=field, skus=list(skus))


class ForeignVariantId(problems.Unprocessable):
    title = "This is not the variant's id"
    slug = "foreign-variant-id"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"{sku} has another id, or none yet: leave it out.", field=field)


class SlugLikeAnId(problems.Unprocessable):
    title = "The slug looks like an id"
    slug = "slug-like-an-id"

    def __init__(self, field: str) -> None:
        super().__init__("A slug may not have the form of an id: both are looked up at the same path.", field=field)


class SlugReserved(problems.Unprocessable):
    title = "The slug is a word of the shop's"
    slug = "slug-reserved"

    def __init__(self, slug: str, field: str) -> None:
        super().__init__(f"{slug} is, or will be, a page of its own where products and categories are.", field=field)


class ProductUnnamed(problems.Unprocessable):
    title = "Something is missing by which to find or add the product"
    slug = "product-unnamed"

    def __init__(self, field: str, names: Sequence[str] = ("id", "slug")) -> None:
        """`names` are those by which one is found; `field` is the first that would do, or what else a new one needs."""
        missing = f"neither {' nor '.join(names)}" if field in names else f"no {field}"
        super().__init__(
            f"There is {missing}: a product is found by its {' or '.join(names)}, and added with a name.", field=field
        )


class ProductTwice(problems.Unprocessable):
    title = "A product stands twice"
    slug = "product-twice"

    def __init__(self, field: str = "slug") -> None:
        super().__init__("An earlier item of this request is about the same product.", field=field)


class UnpublishedBeforePublished(problems.Unprocessable):
    title = "The product would be unpublished before it is published"
    slug = "unpublished-before-published"

    def __init__(self) -> None:
        super().__init__("Choose an unpublish_at that is later than publish_at.", field="unpublish_at")


class SlugTaken(problems.Conflict):
    title = "The slug is taken"
    slug = "slug-taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug} is taken.", field="slug")


class SkuTaken(problems.Conflict):
    """`skus` names those that belong to another product, or did: a SKU is never given away again. `sent` are those of a
    list of variants, in its order: then the field is the place of the first that is taken."""

    title = "The SKU is taken"
    slug = "sku-taken"

    def __init__(self, skus: Sequence[str], sent: Sequence[str] = ()) -> None:
        field = next((f"variants[{at}].sku" for at, sku in enumerate(sent) if sku in skus), "sku")
        super().__init__(f"Taken already: {', '.join(skus[:5])}.", field=field, skus=list(skus))
        self.skus = skus


class VersionConflict(problems.Conflict):
    """`now` is the version that the product has."""

    title = "Somebody else changed it first"
    slug = "version-conflict"

    def __init__(self, version: int) -> None:
        super().__init__(f"It has version {version} by now: read it and decide again.", field="version", now=version)


class CategoryInUse(problems.Conflict):
    title = "The category is not empty"
    slug = "category-in-use"

    def __init__(self) -> None:
        super().__init__("It has categories or products in it: move those first.", field="category")


class CollectionKind(problems.Conflict):
    title = "A collection has rules, or chosen products, for good"
    slug = "collection-kind"

    def __init__(self) -> None:
        super().__init__("Make a new collection for the other.", field="rules")


class CollectionByRules(problems.Conflict):
    title = "The products of this collection follow its rules"
    slug = "collection-by-rules"

    def __init__(self) -> None:
        super().__init__("Change its rules: nobody chooses products of this collection.", field="collection")


class CollectionFull(problems.Conflict):
    title = "The collection has as many products as can be chosen"
    slug = "collection-full"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} products are chosen by hand: give a collection rules.", most=most)


class TooManyVariants(problems.Conflict):
    title = "The product has as many variants as a product can have"
    slug = "too-many-variants"

    def __init__(self, most: int) -> None:
        super().__init__(f"A product has at most {most} variants.", field="sku", most=most)


class ProductTooLarge(problems.Conflict):
    title = "The product is as large as a product can be"
    slug = "product-too-large"

    def __init__(self, limit: int) -> None:
        detail = f"With its variants, and all that is noted on them, a product has at most {limit} bytes."
        super().__init__(detail, limit=limit)


class ProductWithheld(problems.Conflict):
    title = "The product is withheld"
    slug = "product-withheld"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The shop withholds this product: {reason}", field="status")


class NoSuchPriceList(problems.NotFound):
    title = "There is no such price list"
    slug = "no-such-price-list"

    def __init__(self) -> None:
        super().__init__("There is no price list of this id or slug.", field="list")


class UnknownSku(problems.Unprocessable):
    title = "There is no such SKU"
    slug = "unknown-sku"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"There is no variant {sku}.", field=field)


class ListOfAnotherCurrency(problems.Unprocessable):
    title = "The prices of the list are in another currency"
    slug = "list-of-another-currency"

    def __init__(self, currency: str, field: str) -> None:
        super().__init__(f"Prices of this list are in {currency}.", field=field)


class PriceTwice(problems.Unprocessable):
    title = "A price stands twice"
    slug = "price-twice"

    def __init__(self, field: str) -> None:
        super().__init__("An earlier item says the same, or something else.", field=field)


class EndsBeforeItStarts(problems.Unprocessable):
    title = "The price list ends before it begins"
    slug = "ends-before-it-starts"

    def __init__(self) -> None:
        super().__init__("The end is after the beginning.", field="ends_at")


class TooManyPriceLists(problems.Conflict):
    title = "The shop has as many price lists as a shop can have"
    slug = "too-many-price-lists"

    def __init__(self, most: int) -> None:
        super().__init__(f"A shop has at most {most} price lists: remove some first.", field="slug", most=most)


class ListArchived(problems.Conflict):
    title = "The price list has ended for good"
    slug = "list-archived"

    def __init__(self) -> None:
        super().__init__("It was archived, and is on its way out: make a new one.", field="list")

"""What search refuses.

NotFound        NoSuchSynonym, NoSuchRule
Unprocessable   BadAttribute, NotFilterable, TwoPlaces, RuleOfNothing, RuleWithoutWord, SynonymWithoutWord, SaidTwice,
                SynonymOfNothing
Conflict        RuleThere, SynonymsThere, VersionConflict, TooMany
Unavailable     IndexBehind, IndexTaken
"""

from __future__ import annotations

from stoa.kit import problems


class IndexBehind(problems.Unavailable):
    title = "The search index is behind"
    slug = "index-behind"

    def __init__(self) -> None:
        super().__init__("The index of this process is being brought up to date.", retry_after_seconds=1)


class IndexTaken(problems.Unavailable):
    title = "Another process has the search index"
    slug = "index-taken"

    def __init__(self) -> None:
        detail = "Each process has an index of its own: give one a folder or a name of its own, or stop it."
        super().__init__(detail, retry_after_seconds=1)


class BadAttribute(problems.Unprocessable):
    title = "This is not how an attribute is asked for"
    slug = "bad-attribute"

    def __init__(self, name: str, detail: str = "") -> None:
        how = "Write values with commas between them, or a range of numbers or days: 1..5, 1.. or ..2027-01-31."
        super().__init__(detail or how, field=f"attr.{name}")


class NotFilterable(problems.Unprocessable):
    title = "Nothing is narrowed by this attribute"
    slug = "not-filterable"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(f"The shop has not said of {name[:100]!r} that it is filterable.", field=field)


class NoSuchSynonym(problems.NotFound):
    title = "There are no such synonyms"
    slug = "no-such-synonym"

    def __init__(self) -> None:
        super().__init__("There are no synonyms of this id.", field="synonym_id")


class NoSuchRule(problems.NotFound):
    title = "There is no such rule"
    slug = "no-such-rule"

    def __init__(self) -> None:
        super().__init__("There is no rule of this id.", field="rule_id")


class RuleThere(problems.Conflict):
    title = "There is a rule for this query"
    slug = "rule-there"

    def __init__(self, query: str) -> None:
        super().__init__(f"Change the rule that there is for {query!r}.", field="query")


class SynonymsThere(problems.Conflict):
    title = "There are these synonyms"
    slug = "synonyms-there"

    def __init__(self, synonym_id: str) -> None:
        super().__init__(f"The synonyms {synonym_id} have these words: change those.", field="words")


class TwoPlaces(problems.Unprocessable):
    title = "A product is named twice"
    slug = "product-in-two-places"

    def __init__(self, field: str) -> None:
        super().__init__("A product is pinned once, or buried once.", field=field)


class RuleOfNothing(problems.Unprocessable):
    title = "Nothing comes of this rule"
    slug = "rule-of-nothing"

    def __init__(self) -> None:
        super().__init__("Pin products, bury some, or name a page to show instead.", field="pinned")


class SynonymOfNothing(problems.Unprocessable):
    title = "One word has no synonym"
    slug = "synonym-of-nothing"

    def __init__(self) -> None:
        super().__init__("Name another word that means the same, or the term that finds this one.", field="words")


class SaidTwice(problems.Unprocessable):
    title = "A word is named twice"
    slug = "synonym-said-twice"

    def __init__(self, field: str) -> None:
        super().__init__("Case, accents and spaces make no difference: name each once.", field=field)


class SynonymWithoutWord(problems.Unprocessable):
    title = "There is no word in this synonym"
    slug = "synonym-without-word"

    def __init__(self, field: str) -> None:
        super().__init__("Synonyms stand for words of a search: write letters or digits.", field=field)


class RuleWithoutWord(problems.Unprocessable):
    title = "There is no word in the query of this rule"
    slug = "rule-without-word"

    def __init__(self) -> None:
        super().__init__("Searches are compared by their words: write letters or digits.", field="query")


class TooMany(problems.Conflict):
    title = "There are as many as there may be"
    slug = "too-many-rules"

    def __init__(self, most: int) -> None:
        super().__init__(f"Every process has all of them in memory, so there are at most {most}: remove some.")

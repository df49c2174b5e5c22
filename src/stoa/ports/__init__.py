"""What a shop may have its own of: who takes the money, what tax is due, what sending costs, who carries the mails, and
where files are kept.

Each port is a protocol in a file of its own. A setting chooses who stands behind it: one of ours, or one that an
installed package offers as an entry point (`stoa.payment`, `stoa.tax`, `stoa.shipping`, `stoa.mail`, `stoa.media`):

    [project.entry-points."stoa.tax"]
    by_country = "acme_tax:build"

    def build(settings: ReadSettings) -> Taxes: ...

and `STOA_CHECKOUT_TAX=by_country` has the checkout ask it. What it is told by the environment begins with its port and
name: `STOA_TAX_BY_COUNTRY_…`. These protocols are stable: docs/extending.md.
"""

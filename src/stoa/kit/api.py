"""What of Stoa a package from outside may build on, and the version of it that a package is written for.

A name that stands here stays, and takes what it has taken; `tests/kit/test_api.py` compares all of them with what the
last release recorded. What is added is no break. What breaks raises `VERSION`: a package of another does not join.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSION = 1

STABLE: Mapping[str, tuple[str, ...]] = {
    "stoa.kit.service": (
        "Service",
        "PublicRead",
        "LargestBody",
        "Resources",
        "Parts",
        "Job",
        "Handler",
        "BatchHandler",
        "StreamHandler",
    ),
    "stoa.kit.crash_points": ("Reach",),
    "stoa.kit.db": ("Database", "Transaction", "Db"),
    "stoa.kit.events": ("Fact", "Event"),
    "stoa.kit.outbox": ("Outbox", "Announcement"),
    "stoa.kit.streams": ("Stream",),
    "stoa.kit.http.routes": (
        "Routes",
        "Request",
        "Answer",
        "Raw",
        "Streamed",
        "FileOf",
        "Who",
        "PUBLIC",
        "ANYONE",
        "SIGNED_IN",
        "OWNER",
        "may",
        "Idempotency",
        "OPTIONAL",
        "REQUIRED",
        "OWN",
        "OWN_REQUIRED",
        "UNKEPT",
    ),
    "stoa.kit.http.streaming": ("BodyStream",),
    "stoa.kit.http.types": ("Page", "PageQuery"),
    "stoa.kit.problems": (
        "Problem",
        "NotFound",
        "Conflict",
        "Forbidden",
        "Unauthorized",
        "Unprocessable",
        "Unavailable",
    ),
    "stoa.kit.money": ("Money",),
    "stoa.kit.permissions": ("Permission",),
    "stoa.kit.ids": ("uuid7", "is_uuid"),
    "stoa.kit.clock": ("now",),
    "stoa.kit.telemetry.metrics": ("REGISTRY",),
    "stoa.kit.settings": ("Seconds", "WholeSeconds", "Days", "Number", "Positive", "Currency"),
    "stoa.ports.destination": ("Destination",),
    "stoa.ports.tax": ("Taxes", "TaxesByRate", "Taxable", "TaxedPart", "TaxesDue", "TaxAtRate"),
    "stoa.ports.shipping": ("ShippingRates", "Goods", "NotDelivered"),
    "stoa.ports.payment": (
        "PaymentProvider",
        "Status",
        "Said",
        "SaidOfRefund",
        "Heard",
        "NotGenuine",
    ),
    "stoa.ports.mail": ("Mailer", "OutgoingMail", "Undeliverable"),
    "stoa.ports.choice": ("ReadSettings",),
    "stoa.app": ("SERVICES", "GET_PERSONAL", "subscribers"),
    "stoa.testing": ("Rest", "Shop", "MortalShop", "User", "new_user", "token_of", "prepare_all"),
    "stoa.audit.finding": ("Finding", "Findings", "Invariant"),
    "stoa.audit.look": ("Look", "side_by_side"),
}

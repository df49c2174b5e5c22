"""What inventory refuses of those who want to wait.

Unprocessable   NotYourAddress
Conflict        InStock
"""

from __future__ import annotations

from stoa.kit import problems


class InStock(problems.Conflict):
    title = "It can be bought"
    slug = "in-stock"

    def __init__(self, sku: str) -> None:
        super().__init__(f"{sku} can be bought now: there is nothing to wait for.", field="sku")


class NotYourAddress(problems.Unprocessable):
    title = "Not the address of the account"
    slug = "not-your-address"

    def __init__(self) -> None:
        super().__init__("Who is signed in is written to at his account's: leave the address out.", field="email")

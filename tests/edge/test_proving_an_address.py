"""Where somebody asks around who has an account, their neighbors register by the code in a mail."""

from __future__ import annotations

import re

from stoa.services.notification.examples import Template

MAIL = "SELECT template, text_body FROM deliveries WHERE recipient = $1"


async def test_a_newcomer_registers_behind_a_network_that_asks_around(shop_with) -> None:
    shop = await shop_with()

    async def register(email: str, **more: str) -> tuple[int, dict]:
        account = {"email": email, "password": "a long enough passphrase", "first_name": "A", "last_name": "B"} | more
        async with shop.http.post("/api/v1/auth/register", json=account) as answer:
            return answer.status, await answer.json()

    assert (await register("ada@example.com"))[0] == 201
    for _ in range(5):
        assert (await register("ada@example.com"))[0] == 409
    for email in ("ada@example.com", "newcomer@example.com"):
        status, document = await register(email)
        assert (status, document["type"]) == (403, "/problems/prove-address")
    await shop.settle()
    mails = shop.databases["notification"]
    assert (await mails.fetchrow(MAIL + " AND template <> 'welcome'", "ada@example.com"))["template"] == (
        Template.ACCOUNT_EXISTS
    )
    mail = await mails.fetchrow(MAIL, "newcomer@example.com")
    assert mail["template"] == Template.ADDRESS_PROOF
    code = re.search(r"^ +([0-9a-f]{12})$", mail["text_body"], re.MULTILINE)
    assert code is not None
    status, made = await register("newcomer@example.com", code=code[1])
    assert (status, made["user"]["email"]) == (201, "newcomer@example.com")
    # The code is nowhere but in the mail.
    for service in ("auth", "notification"):
        kept = await shop.databases[service].fetch(
            "SELECT data::text FROM event_log UNION ALL SELECT data::text FROM inbox UNION ALL "
            "SELECT data::text FROM event_personal"
        )
        assert code[1] not in str(kept)

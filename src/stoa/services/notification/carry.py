"""Carry: hand what lies in the mailbox to whoever stands behind the port of mails, until it is taken.

A mail is claimed for a while and committed before it is handed over, with no transaction open. A crash between the two
has it handed over again when the while is over: at least once, always under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from stoa.kit.back_off import back_off
from stoa.kit.db import Database
from stoa.kit.problems import Unavailable, first_line
from stoa.ports.asking import answer_of
from stoa.ports.mail import Mailer, OutgoingMail, Undeliverable
from stoa.services.notification import repository
from stoa.services.notification.repository import Due

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Mails of a round: handed over side by side, and all before the next round."""
HANDED_OVER_WITHIN_SECONDS = 30.0
"""A mail server may take its time to look at a message: RFC 5321 has clients wait for minutes, and ours has others to
send."""
CLAIM_SECONDS = 120.0
"""How long a claimed mail is left to whoever claimed it: longer than it may take to hand it over."""
LONGEST_PAUSE_SECONDS = 3600.0
MOST_ATTEMPTS = 72
"""With an hour between most of them it is two to three days, as mail servers do it (RFC 5321, 4.5.4.1)."""


@dataclass(frozen=True)
class Carrying:
    db: Database
    mailer: Mailer

    async def round(self) -> float | None:
        """Hand over what is due. In how many seconds the next is; None where nothing is left."""
        due = await repository.claim_due(self.db, AT_ONCE, CLAIM_SECONDS)
        await asyncio.gather(*(self._carry(one) for one in due))
        return await repository.next_due(self.db)

    async def _carry(self, due: Due) -> None:
        silence = Unavailable("Who carries the mails does not answer.")
        try:
            await answer_of("who carries the mails", self.mailer.send(due.mail), HANDED_OVER_WITHIN_SECONDS, silence)
        except Undeliverable as refusal:
            await self._give_up(due.mail, first_line(refusal))
        except Exception as error:
            if due.attempts >= MOST_ATTEMPTS:
                await self._give_up(due.mail, f"not taken in {due.attempts} tries: {first_line(error)}")
                return
            pause = back_off(due.attempts, LONGEST_PAUSE_SECONDS)
            log.warning("a mail waits", extra={"mail": due.mail.id, "attempts": due.attempts, "why": first_line(error)})
            await repository.postpone(self.db, due.mail.id, pause)
        else:
            await repository.note_carried(self.db, due.mail.id)

    async def _give_up(self, mail: OutgoingMail, why: str) -> None:
        log.error("a mail cannot be delivered", extra={"mail": mail.id, "why": why})
        await repository.give_up(self.db, mail.id, why)

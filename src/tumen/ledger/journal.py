"""Double entry in the manner of plain-text accounting, with draws in place of numbers.

Takes transfers with their value in draws; posts each to both books; gives the closing state
of every account. Every entry sums to nothing in each book and in every draw, and what one book
says it owes is what the other says it is owed. (The idea is that of ledger and beancount; the
code is our own.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Posting:
    """One line of an entry: debit of an account where `usd` > 0, credit where < 0. `usd` has shape (draws,)."""

    entry_id: str
    account: str
    usd: np.ndarray


@dataclass
class Journal:
    """The postings of one value basis; `debtor` is the side whose debt is asked for."""

    creditor: str
    debtor: str
    postings: list[Posting] = field(default_factory=list)

    def post(
        self, entry_id: str, payer: str, payee: str, commodity: str, usd: np.ndarray, inferred: bool = False
    ) -> None:
        """Enter a transfer in the books of both sides.

        The payee receives goods and owes; the payer gives goods and is owed. What is only inferred goes to
        accounts of its own and touches no debt. Raises `ValueError` for a side that keeps no book here.
        """
        for party in (payer, payee):
            if party not in (self.creditor, self.debtor):
                raise ValueError(f"entry {entry_id}: '{party}' is neither {self.creditor} nor {self.debtor}")
        debt, claim = ("inferred", "inferred") if inferred else ("owes", "owed_by")
        if payer == self.creditor:
            received_against, given_against = f"{payee}:{debt}:{payer}", f"{payer}:{claim}:{payee}"
        else:  # a return: it settles debt, so it goes to the same two accounts with the other sign
            received_against, given_against = f"{payee}:{claim}:{payer}", f"{payer}:{debt}:{payee}"
        self.postings += [
            Posting(entry_id, f"{payee}:received:{commodity}", usd),
            Posting(entry_id, received_against, -usd),
            Posting(entry_id, given_against, usd),
            Posting(entry_id, f"{payer}:given:{commodity}", -usd),
        ]

    def closing(self) -> dict[str, np.ndarray]:
        """State of every account after all entries, in the order in which they were entered."""
        out: dict[str, np.ndarray] = {}
        for posting in self.postings:
            held = out.get(posting.account)
            out[posting.account] = posting.usd.copy() if held is None else held + posting.usd
        return out

    def counts(self) -> dict[str, int]:
        """Entries posted to each account."""
        out: dict[str, int] = {}
        for posting in self.postings:
            out[posting.account] = out.get(posting.account, 0) + 1
        return out

    def owed(self) -> np.ndarray:
        """What the debtor owes, draw by draw: the credit of its account towards the creditor."""
        closing = self.closing()
        account = f"{self.debtor}:owes:{self.creditor}"
        if account in closing:
            return -closing[account]
        length = len(self.postings[0].usd) if self.postings else 0
        return np.zeros(length)

    def imbalance(self) -> float:
        """Largest amount, over entries, books and draws, by which debits and credits differ; 0 in sound books."""
        sums: dict[tuple[str, str], np.ndarray] = {}
        for posting in self.postings:
            key = (posting.entry_id, posting.account.split(":", 1)[0])
            sums[key] = sums[key] + posting.usd if key in sums else posting.usd.copy()
        worst = max((float(np.abs(s).max(initial=0.0)) for s in sums.values()), default=0.0)
        closing = self.closing()
        owes = closing.get(f"{self.debtor}:owes:{self.creditor}")
        owed_by = closing.get(f"{self.creditor}:owed_by:{self.debtor}")
        if owes is not None and owed_by is not None:
            worst = max(worst, float(np.abs(owes + owed_by).max(initial=0.0)))
        elif (owes is None) != (owed_by is None):
            worst = float("inf")
        return worst

"""What the shipments were worth, what came back, what is owed, and what they meant at the front."""

from tumen.ledger.account import account

__all__ = ["account"]

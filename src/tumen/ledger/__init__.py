"""What the shipments were worth, what came back, what is owed, and what they meant at the front."""

from tumen.ledger.account import account
from tumen.ledger.front import front

__all__ = ["account", "front"]

"""cargo: what the voyages carried. Draws of containers, tonnes and rounds, with published claims as evidence.

Takes draws of voyages, looks, claims, the roster and loading.toml; gives `weigh(...)`, a dict of tables.
"""

from tumen.cargo.weigh import weigh

__all__ = ["weigh"]

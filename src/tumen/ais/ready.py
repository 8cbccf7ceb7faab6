"""What every worker process needs, imported and compiled once for all of them before they are forked.

Importing this loads the readers, the compiled kernels (from numba's cache on disk) and the land mask; in a
fork server it costs that once, and workers share the memory.
"""

from __future__ import annotations

from tumen.ais import bucket, coast, encounters, nmea, shuffle, warm

__all__ = ["bucket", "coast", "encounters", "nmea", "shuffle"]

warm.load()
coast.known()

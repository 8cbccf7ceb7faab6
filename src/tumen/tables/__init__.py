"""The tables that pass between the steps. Rooms of the middle floor meet here and nowhere else.

One module a step; `TABLES` holds every declared table by name.
"""

from tumen.tables.account import *  # noqa: F403
from tumen.tables.ais import *  # noqa: F403
from tumen.tables.count import *  # noqa: F403
from tumen.tables.imagery import *  # noqa: F403
from tumen.tables.judge import *  # noqa: F403
from tumen.tables.schema import TABLES, Column, Table, TableError
from tumen.tables.see import *  # noqa: F403
from tumen.tables.sightings import *  # noqa: F403
from tumen.tables.weigh import *  # noqa: F403

__all__ = ["TABLES", "Column", "Table", "TableError"]

"""Tumen: from signs of a covert arms route to numbers and judgements that can be defended in print.

>>> import tumen
>>> study = tumen.open("cases/najin", as_of="2024-03-01")  # doctest: +SKIP
>>> study.headline()["visits"]["median"]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tumen.study import Study


def open(folder: Any, as_of: Any = None, **options: Any) -> Study:
    """Open a case folder as of a day: see `tumen.study.open_study`."""
    from tumen.study import open_study

    return open_study(folder, as_of, **options)


__all__ = ["__version__", "open"]

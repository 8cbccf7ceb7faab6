"""The brief: what people quote. Everything in it comes from tables, and every number leads to its evidence.

`make_brief` writes the page, the PDF and the figures; `make_package` writes the data package beside them.
"""

from tumen.brief.make import make_brief
from tumen.brief.package import make_package
from tumen.brief.trace import BriefError

__all__ = ["BriefError", "make_brief", "make_package"]

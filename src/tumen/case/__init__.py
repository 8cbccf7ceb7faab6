"""The text that an analyst writes: models, loader, faults.

>>> from tumen.case import Case, CaseError, Fault, load
"""

from tumen.case.faults import CaseError, Fault
from tumen.case.folder import Case, load

__all__ = ["Case", "CaseError", "Fault", "load"]

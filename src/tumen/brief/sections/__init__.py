"""The parts of the brief in their order, one module a subject: each takes the desk and gives sections."""

from tumen.brief.sections.order import sections

__all__ = ["sections"]

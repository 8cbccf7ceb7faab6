"""Tumen: from signs of a covert arms route to numbers and judgements that can be defended in print."""

__version__ = "0.1.0"

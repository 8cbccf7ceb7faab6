"""The drawings of the brief, one module each: plain functions from rows to SVG text."""

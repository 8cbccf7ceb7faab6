"""The evidence under a brief: every number printed leads here, or the brief does not build.

Takes a lookup from evidence id to `tumen.evidence.Node`; gives the nodes that the brief's numbers
stand on, down to the sources. What the brief itself sums up from draws (a monthly median, a share)
becomes a node of its own whose children are the tables that it was summed from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tumen.case.record import content_id
from tumen.evidence import Node

Lookup = Callable[[str], Node | None]


class BriefError(ValueError):
    """The brief cannot be built; the message names the number, word or table that stops it."""


class Trace:
    """Collects the evidence of the numbers as they are printed."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._made: dict[str, Node] = {}
        self._cited: dict[str, str] = {}
        self._under: dict[str, set[str]] = {}
        self._found: dict[str, Node | None] = {}

    def cite(self, why: str | None, what: str) -> str:
        """Check that `why` resolves and remember that the brief leans on it; `what` names the number.

        Raises `BriefError` naming the number whose evidence is missing.
        """
        if not why:
            raise BriefError(f"{what} has no evidence id; a brief does not print a number that it cannot trace")
        if self.node(why) is None:
            raise BriefError(f"{what} names the evidence '{why}', which does not resolve")
        self._cited.setdefault(why, what)
        return why

    def make(self, label: str, parents: Iterable[str | None], where: str = "tumen.brief") -> str:
        """A node for something that the brief sums up itself; returns its id.

        Raises `BriefError` if a parent is missing or does not resolve.
        """
        children = tuple(dict.fromkeys(self._parent(p, label) for p in parents))
        if not children:
            raise BriefError(f"{label} is summed from nothing that has an evidence id")
        made = Node(content_id("brief", [label, children]), "summary", label, where, children=children)
        self._made[made.id] = made
        return made.id

    def _parent(self, parent: str | None, label: str) -> str:
        if not parent or self.node(parent) is None:
            raise BriefError(f"{label} is summed from '{parent}', which does not resolve")
        return parent

    def node(self, why: str) -> Node | None:
        """The node of an id, or None."""
        if why in self._made:
            return self._made[why]
        if why not in self._found:
            self._found[why] = self._lookup(why)
        return self._found[why]

    @property
    def cited(self) -> dict[str, str]:
        """Ids that numbers of the brief lean on, with the first number that did."""
        return dict(self._cited)

    def nodes(self) -> list[Node]:
        """Every node under the cited ids, cited ones first, each once."""
        out: dict[str, Node] = {}
        todo = list(self._cited)
        while todo:
            later: list[str] = []
            for here in todo:
                if here in out:
                    continue
                node = self.node(here)
                if node is not None:
                    out[here] = node
                    later.extend(node.children)
            todo = later
        return list(out.values())

    def sources_under(self, why: str) -> set[str]:
        """Source ids under an id; remembered, since many numbers share the way down."""
        if why in self._under:
            return self._under[why]
        seen: set[str] = set()
        found: set[str] = set()
        todo = [why]
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            if here in self._under:
                found |= self._under[here]
                continue
            if here.startswith("source:"):
                found.add(here.removeprefix("source:"))
            node = self.node(here)
            todo.extend(node.children if node is not None else ())
        self._under[why] = found
        return found

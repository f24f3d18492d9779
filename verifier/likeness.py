"""Whether what two states of a file say is the same, or the same and more.

Values are compared for what they stand for: a reference and what it leads to are alike, a stream in another
compression is the same stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Reference, Stream, TooMuch

_DEEPEST = 60
_MOST_TREE_NODES = 500_000
_PACKING = frozenset({"Length", "Filter", "DecodeParms", "DL"})
# Default appearances name fonts and colours; drawings lie beside them without use (ISO 32000-2, 12.7.4.3).
_NOT_IN_DEFAULTS = frozenset({"XObject", "ProcSet", "Properties"})
# What every reader takes as real numbers, whichever way they are written.
_COORDINATES = frozenset(
    {
        "MediaBox", "CropBox", "BleedBox", "TrimBox", "ArtBox", "Rect", "BBox", "Matrix", "QuadPoints", "L",
        "Vertices", "CL", "RD", "C", "IC", "BG", "BC", "CA", "ca", "LW", "ML", "FL", "UserUnit",
    }
)  # fmt: skip
_TREES = frozenset({"ParentTree", "IDTree"})
# What a screen reader says instead of what is shown (14.9); none of it may come later.
_SPOKEN = frozenset({"ActualText", "Alt", "E"})


@dataclass(frozen=True)
class Likeness:
    """Compares values of an ``old`` and a ``new`` state."""

    old: Document
    new: Document

    def keys(self, before: dict[str, Any], after: dict[str, Any], free: frozenset[str]) -> Iterator[str]:
        """The keys of which the values differ, without those that may."""
        for key in sorted(before.keys() | after.keys()):
            old, new = before.get(key), after.get(key)
            if key not in free and not self.same(old, new) and not self._same_numbers(key, old, new):
                yield key

    def same(
        self, before: Any, after: Any, depth: int = 0, pairs: set[tuple[Reference, Reference]] | None = None
    ) -> bool:
        """Whether both are equal; a reference that stayed is, because what it leads to is judged itself.

        ``pairs`` are references that are being compared: what leads back to them adds nothing.
        """
        pairs = set() if pairs is None else pairs
        if isinstance(before, Reference) and isinstance(after, Reference):
            if before == after or (before, after) in pairs:
                return True
            pairs.add((before, after))
        if depth > _DEEPEST:
            raise TooMuch("nested too deeply")
        before, after = self.old.resolve(before), self.new.resolve(after)
        if both_dicts(before, after):
            return before.keys() == after.keys() and all(
                self.same(before[key], after[key], depth + 1, pairs)
                or self._same_numbers(key, before[key], after[key])
                for key in before
            )
        if both_lists(before, after):
            return len(before) == len(after) and all(
                self.same(*pair, depth + 1, pairs) for pair in zip(before, after, strict=True)
            )
        return equal(before, after)

    def _same_numbers(self, key: str, before: Any, after: Any) -> bool:
        """Whether both are the same coordinates, with or without a decimal point."""
        if key not in _COORDINATES:
            return False
        before, after = self.old.resolve_all(before), self.new.resolve_all(after)
        numbers = [each if isinstance(each, list) else [each] for each in (before, after)]
        return bool(before == after) and all(type(each) in (int, float) for each in numbers[0] + numbers[1])

    def kept(self, before: list[Any], after: list[Any]) -> tuple[list[Any], list[Any]]:
        """What was added to a list, and what is gone from it; an item that led nowhere is not missed."""
        added, gone = list(after), []
        for each in before:
            for candidate in added:
                if candidate == each or (not isinstance(each, Reference) and self.same(each, candidate)):
                    added.remove(candidate)
                    break
            else:
                if self.old.resolve(each) is not None:
                    gone.append(each)
        return added, gone

    def in_order(self, before: list[Any], after: list[Any]) -> bool:
        """Whether what a list still has of ``before`` stands in the same order."""
        left = list(enumerate(after))
        places: list[int] = []
        for each in before:
            for at, (place, candidate) in enumerate(left):
                if candidate == each or (not isinstance(each, Reference) and self.same(each, candidate)):
                    places.append(place)
                    del left[at]
                    break
        return places == sorted(places)

    def grows(self, before: Any, after: Any, depth: int = 0) -> bool:
        """Whether all that was there is there still: keys may be added, and items of lists."""
        if isinstance(before, Reference) and before == after:
            return True
        if depth > _DEEPEST:
            raise TooMuch("nested too deeply")
        before, after = self.old.resolve(before), self.new.resolve(after)
        if both_dicts(before, after):
            return not (after.keys() - before.keys()) & _SPOKEN and all(
                key == "ParentTreeNextKey"
                or (
                    self._tree_grows(before[key], after.get(key))
                    if key in _TREES
                    else key in after and self.grows(before[key], after[key], depth + 1)
                )
                for key in before
            )
        if isinstance(after, list):
            wanted = list(before) if isinstance(before, list) else [before]
            for item in after:
                if wanted and (wanted[0] == item or self.same(wanted[0], item)):
                    wanted.pop(0)
                elif not self._says_nothing(item, 0):
                    return False
            return not wanted
        return equal(before, after)

    def _says_nothing(self, item: Any, depth: int) -> bool:
        """Whether a new part of the structure adds nothing to what is read aloud of the signed pages.

        It may lead to annotations, and speak in the place of these; not to what the pages show.
        """
        item = self.new.resolve(item)
        if isinstance(item, int) or depth > _DEEPEST:
            return False  # marked content of a page
        if not isinstance(item, dict):
            return True
        if self.new.get(item, "Type") == "MCR":
            return "Stm" in item
        kids = self.new.resolve(item.get("K"))
        parts = kids if isinstance(kids, list) else [] if kids is None else [kids]
        leads_to_one = any(self.new.get(each, "Type") == "OBJR" for each in parts)
        return all(self._says_nothing(each, depth + 1) for each in parts) and (
            leads_to_one or not item.keys() & _SPOKEN
        )

    def adds_names(self, before: Any, after: Any, levels: int) -> bool:
        """Whether resources have all that they had and perhaps more names, ``levels`` dictionaries deep."""
        before, after = self.old.resolve(before), self.new.resolve(after)
        if not both_dicts(before, after):
            return self.grows(before, after)
        return all(
            key in after
            and (self.adds_names(value, after[key], levels - 1) if levels else self.same(value, after[key]))
            for key, value in before.items()
        )

    def _tree_grows(self, before: Any, after: Any) -> bool:
        """Whether a number or name tree has every entry that it had (7.9.6, 7.9.7)."""
        old, new = dict(_leaves(self.old, before)), dict(_leaves(self.new, after))
        return all(key in new and self._leaf_grows(value, new[key]) for key, value in old.items())

    def _leaf_grows(self, before: Any, after: Any) -> bool:
        """As `grows`; an array of the parent tree is looked into by number, so nothing comes in between."""
        old, new = self.old.resolve(before), self.new.resolve(after)
        if not both_lists(old, new):
            return self.grows(before, after)
        return len(old) <= len(new) and all(self.same(*pair) for pair in zip(old, new, strict=False))

    def is_repacked(self, before: Any, after: Any) -> bool:
        """Whether two streams are the same in another compression, as some producers write what they read."""
        if not isinstance(before, Stream) or not isinstance(after, Stream):
            return False
        kept = [
            {key: value for key, value in each.dictionary.items() if key not in _PACKING}
            for each in (before, after)
        ]
        try:
            return (
                equal(*kept)
                and self.old.reads_one_way(before)
                and self.new.reads_one_way(after)
                and self.old.decode(before) == self.new.decode(after)
            )
        except (Damaged, TooMuch):
            return False


def _leaves(document: Document, root: Any) -> Iterator[tuple[Any, Any]]:
    waiting: list[Any] = [root]
    seen: set[Reference] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, Reference):
            if node in seen:
                continue
            seen.add(node)
            if len(seen) > _MOST_TREE_NODES:
                raise TooMuch("a tree of too many nodes")
        for key in ("Nums", "Names"):
            pairs = document.get(node, key)
            if isinstance(pairs, list):
                for name, value in zip(pairs[::2], pairs[1::2], strict=False):
                    name = document.resolve(name)
                    if isinstance(name, int | bytes):
                        yield name, value
        kids = document.get(node, "Kids")
        waiting.extend(
            each for each in (kids if isinstance(kids, list) else ()) if isinstance(each, Reference)
        )


def default_resources(resources: Any) -> Any:
    """Of a form's default resources those that a default appearance can name."""
    if not isinstance(resources, dict):
        return resources
    return {key: value for key, value in resources.items() if key not in _NOT_IN_DEFAULTS}


def both_dicts(before: Any, after: Any) -> bool:
    """Whether both are dictionaries."""
    return isinstance(before, dict) and isinstance(after, dict)


def both_lists(before: Any, after: Any) -> bool:
    """Whether both are arrays."""
    return isinstance(before, list) and isinstance(after, list)


def equal(before: Any, after: Any) -> bool:
    """Equality of what stands in the file; 1, 1.0 and true are not the same thing written."""
    if isinstance(before, Stream) and isinstance(after, Stream):
        return equal(before.dictionary, after.dictionary) and before.raw() == after.raw()
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(equal(before[key], after[key]) for key in before)
    if isinstance(before, Reference) or isinstance(after, Reference):
        return type(before) is type(after) and bool(before == after)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(equal, before, after))
    # Readers pass over a real number where they look for an integer.
    return type(before) is type(after) and bool(before == after)

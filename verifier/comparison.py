"""What was changed between a signed state of a document and its present one, object by object.

Every object that now stands for something else than when it was signed is judged by each of its roles
(`roles`): what no rule here permits is forbidden. New objects need no judging of their own, because only a
changed object can lead to them; a number that the signed document referred to in vain counts as changed.
ISO 32000-2, 12.8.2.2.2 (what DocMDP permits), and annex A of ETSI EN 319 142-1 for validation data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from verifier.appearances import writes_or_depicts
from verifier.change_rules import (
    ABOUT,
    CATALOG_FREE,
    DEFAULTS,
    DRAWN_KINDS,
    FIELD_FREE,
    FIELD_TEXTS,
    HIDDEN,
    HIDDEN_FLAGS,
    INHERITED,
    MARK_KINDS,
    MOST_FLAGS,
    NO_VIEW,
    NOTE_FREE,
    NOTE_KINDS,
    PAGE_FREE,
    PLAIN_FONT,
    PRINT,
    PUSH_BUTTON,
    READ_ONLY,
    RUNNING,
    WHEN_FILLED,
    WHEN_SIGNED,
    WINDOW,
)
from verifier.field_looks import contradicts, inherited, looks_of, shows_all_of, shows_only_marks
from verifier.font_codes import text_of_value
from verifier.form_fields import FormNode, read_form
from verifier.likeness import Likeness, both_dicts, both_lists, default_resources, equal
from verifier.overlap import Box, CannotDraw, Drawings, Drawn
from verifier.pdf.document import Document
from verifier.pdf.objects import Reference, Stream, TooMuch
from verifier.places import Unplaced, pages_of, places
from verifier.plain_looks import draws_alike, draws_nothing
from verifier.report import Observation
from verifier.roles import Role, extend_roles, map_roles, on_pages
from verifier.signature_fields import Locks, find_signatures, terminal_fields, text
from verifier.xfa import keeps_data, xfa_data

Weight = Literal["permitted", "undetermined", "forbidden"]
_ORDER = ("permitted", "undetermined", "forbidden")

_FULL_PAGE = 0.25
_DEEPEST = 32  # fields
_MOST_WIDGETS = 1000  # of one field
_SMALLEST_MARK = (3.0, 4.0)  # points, wide and high: less than a letter
_MOST_MARKS = 3000  # quadrilaterals
_LARGEST_ICON = 40.0  # points
_UNSHOWN = frozenset({"structure", "number_tree"})


@dataclass
class Outcome:
    """What a comparison found: the worst weight, and a finding for each thing that was not plain."""

    weight: Weight = "permitted"
    findings: list[Observation] = field(default_factory=list)

    def add(self, weight: Weight, code: str, **values: object) -> None:
        """Note one change; findings are told once each."""
        self.weight = max(self.weight, weight, key=_ORDER.index)
        finding = Observation.of(code, **values)
        if finding not in self.findings and len(self.findings) < 50:
            self.findings.append(finding)

    def join(self, other: Outcome) -> None:
        """Take in what another comparison found."""
        self.weight = max(self.weight, other.weight, key=_ORDER.index)
        self.findings.extend(each for each in other.findings if each not in self.findings)


class Comparison:
    """Compares ``signed`` with ``now``; ``locks`` are what the signature called ``name`` allows.

    ``since`` is the state that it covers, where ``signed`` is a later one.
    ``vouched`` says that a later signature covers all that ``now`` is. ``exact`` looks at each state by
    itself, and not at what is left of earlier ones.
    """

    def __init__(
        self,
        signed: Document,
        now: Document,
        name: str,
        locks: Locks,
        *,
        since: Document | None = None,
        vouched: bool = False,
        exact: bool = False,
    ) -> None:
        self._signed = since or signed
        self._old, self._new, self._name, self._locks = signed, now, name, locks
        self._vouched = vouched
        self._like = Likeness(signed, now)
        self.outcome = Outcome()
        # What may differ at all: a few numbers of a file that may have a hundred thousand.
        self._candidates = now.entries_changed_since(signed)
        if exact:
            self._old_map, self._new_map = map_roles(signed), map_roles(now)
        else:
            self._old_map = signed.once(map_roles)
            self._new_map = now.once(map_roles, lambda: extend_roles(self._old_map, now, self._candidates))
        form = signed.once(read_form)
        self._old_fields = form.nodes
        self._new_fields = now.once(read_form, lambda: read_form(now, form, self._candidates)).nodes
        self._filled: set[int] = set()
        self._marks = 0
        self.drawn: list[Drawn] = []
        """What came to lie on the pages; whether it hides something is asked of the last state."""
        self.shows = False
        """Whether any difference that is permitted may look different, on whatever page."""

    def run(self) -> Outcome:
        """Judge every difference."""
        self._trailer()
        changed = sorted(self._changed_numbers())
        # Fields first: whether a look may change depends on whether its field was filled.
        changed.sort(key=lambda number: not any(r.kind == "field" for r in self._roles_of(number)))
        for number in changed:
            self._judge(number)
        self._strays()
        return self.outcome

    def _strays(self) -> None:
        """New objects that nothing leads to show nothing; somebody put them there all the same."""
        strays = {
            number
            for number in self._candidates
            if self._new.entries.get(number) is not None
            and number not in self._old.entries
            and not self._new_map.of(number)
        }
        if strays:
            strays -= {section.own_number for section in self._new.chain.sections}
            strays -= {entry.container for entry in self._new.entries.values() if entry is not None}
        count = len(strays)
        if count:
            self.outcome.add("permitted", "STRAY_OBJECTS", field=self._name, count=count)

    # -- which objects

    def _changed_numbers(self) -> Iterator[int]:
        old, new = self._old.entries, self._new.entries
        for number in self._candidates:
            before, after = old.get(number), new.get(number)
            same_place = before == after and (
                before is None
                or before.container is None
                or old.get(before.container) == new.get(before.container)
            )
            if not same_place and not self._reads_one_way(number):
                self.outcome.add("undetermined", "CHANGES_UNDETERMINED", field=self._name)
            # What the signed document never led to, or leads nowhere today, changes nothing that is shown.
            if same_place or not self._roles_of(number) or not self._new_map.of(number):
                continue
            pair = self._pair(number)
            if not equal(*pair) and not self._like.is_repacked(*pair):
                yield number

    def _reads_one_way(self, number: int) -> bool:
        """Whether other readers see what we judge, or what was signed: each is lenient in another way."""
        others = self._new.other_readings(number)
        then, now = self._old.entries.get(number), self._new.entries.get(number)
        if then is not None and now is not None and then.generation != now.generation:
            return False  # who looks for the generation that is referred to finds nothing
        if not others:
            return others is not None
        before = self._pair(number)[0]
        before = before.dictionary if isinstance(before, Stream) else before
        return isinstance(before, dict) and all(
            key in before and equal(before[key], value) for key, value in others
        )

    def _roles_of(self, number: int) -> frozenset[Role]:
        """The roles that an object had; one that was missing has none in a structure that shows nothing."""
        if number in self._old.entries:
            return self._old_map.of(number)
        # Whether the structure was walked through for another number must not count here.
        return frozenset(role for role in self._old_map.shown(number) if role.kind not in _UNSHOWN)

    def _pair(self, number: int) -> tuple[Any, Any]:
        pair = []
        for document in (self._old, self._new):
            entry = document.entries.get(number)
            generation = entry.generation if entry is not None else 0
            pair.append(document.object(Reference(number, generation)) if entry is not None else None)
        return pair[0], pair[1]

    def _judge(self, number: int) -> None:
        before, after = self._pair(number)
        for role in self._roles_of(number):
            if not self._permits(number, role, before, after):
                break

    def _permits(self, number: int, role: Role, before: Any, after: Any) -> bool:
        worst = self.outcome.weight
        kind = role.kind
        if kind in ("information", "metadata", "extensions", "store"):
            return True
        if kind == "catalog" and both_dicts(before, after):
            self._catalog(before, after)
        elif kind == "form" and both_dicts(before, after):
            self._form(before, after)
        elif kind == "fields" and both_lists(before, after):
            self._field_list(before, after)
        elif kind == "field" and both_dicts(before, after):
            self._field(number, before, after)
        elif kind == "field" and both_lists(before, after):
            self._field_list(before, after)
        elif kind == "page" and both_dicts(before, after):
            self._page(number, before, after)
        elif kind == "annotations" and both_lists(before, after):
            self._annotations(role.owner, before, after)
        elif kind == "annotation" and both_dicts(before, after):
            self._annotation(number, before, after)
        elif kind == "annotation" and both_lists(before, after):
            self._annotations(role.owner, before, after)
        elif kind in ("appearance", "value"):
            self._appearance(number, role)
        elif kind in ("resources", "names") and self._like.adds_names(
            before, after, 1 if kind == "resources" else 0
        ):
            self.shows = True
        elif kind == "structure":
            self._structure(number, before, after)
        elif kind == "number_tree":
            self._structure_trees(number)
        elif kind == "pages":
            if not both_dicts(before, after) or any(self._like.keys(before, after, ABOUT)):
                self._forbid("CHANGE_PAGES")
        elif kind == "xfa" and number in self._old.once(xfa_data) & self._new.once(xfa_data):
            self._form_data(before, after)
        else:
            self._forbid("CHANGE_OBJECT", object=number, page=self._page_of(number))
        return worst == self.outcome.weight

    # -- one role after the other

    def _trailer(self) -> None:
        before, after = self._old.trailer.get("Root"), self._new.trailer.get("Root")
        if before != after:
            self._catalog(self._old.catalog, self._new.catalog)
        if not self._like.same(self._old.trailer.get("Encrypt"), self._new.trailer.get("Encrypt")):
            self._forbid("CHANGE_CATALOG", what="Encrypt")

    def _catalog(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        for key in self._like.keys(before, after, CATALOG_FREE):
            if key == "AcroForm" and isinstance(form := self._new.resolve(after.get(key)), dict):
                old = self._old.resolve(before.get(key))
                self._form(old if isinstance(old, dict) else {}, form)
            elif key == "StructTreeRoot" and self._like.grows(before.get(key), after.get(key)):
                continue
            elif key == "Perms" and self._vouched and self._old.resolve(before.get(key)) is None:
                continue  # a certification after a time-stamp; what it forbids, it forbids from there on
            elif key == "Pages":
                self._forbid("CHANGE_PAGES")
            else:
                self._forbid("CHANGE_CATALOG", what=key)

    def _form(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        for key in self._like.keys(before, after, frozenset({"SigFlags", "Type"})):
            old, new = self._old.resolve(before.get(key)), self._new.resolve(after.get(key))
            if key == "Fields":
                self._field_list(old or [], new)
            elif not self._is_harmless(key, old, new):
                self._forbid("CHANGE_CATALOG", what=f"AcroForm/{key}")

    def _is_harmless(self, key: str, old: Any, new: Any) -> bool:
        """Whether a changed entry of the form changes nothing that is shown where looks are signed."""
        self.shows = True  # to programs that draw fields by themselves
        if key in ("DA", "Q"):
            # Colour, size and side of what programs draw by themselves.
            return not self._old.once(_is_drawn_by_programs)
        if key == "DR":
            # Resources for looks that are still to be made: more of them, or none where somebody signed that.
            return (
                old is None
                or (new is None and self._vouched)
                or self._like.adds_names(default_resources(old), new, 1)
            )
        return key == "NeedAppearances" and not new and not self._new.once(_shows_stale_looks)

    def _field_list(self, before: Any, after: Any) -> None:
        if not isinstance(before, list) or not isinstance(after, list):
            self._forbid("CHANGE_FIELD_REMOVED")
            return
        added, gone = self._like.kept(before, after)
        for each in gone:
            # Some producers list only the field that they sign: the other can still be seen and judged.
            if self._vouched and isinstance(each, Reference) and each.number in self._new.once(on_pages):
                self.shows = True
                self.outcome.add("permitted", "FIELD_UNLISTED", field=self._name)
            else:
                self._forbid("CHANGE_FIELD_REMOVED")
        for each in added:
            self._added_field(each)

    def _added_field(self, value: Any) -> None:
        node = self._new.resolve(value)
        number = value.number if isinstance(value, Reference) else -1
        known = self._new_fields.get(number)
        kind = known.kind if known else self._new.get(node, "FT") if isinstance(node, dict) else None
        name = known.name if known else text(self._new.get(node, "T")) if isinstance(node, dict) else "?"
        below = self._new.get(node, "Kids") if isinstance(node, dict) else None
        if kind is None and isinstance(below, list) and 0 < len(below) <= 100:
            for each in below:
                self._added_field(each)
            return
        if kind != "Sig" or not isinstance(node, dict):
            self._forbid("CHANGE_FIELD_ADDED", name=name, page=self._page_of_widget(node))
            return
        self._look_of_signature(node, name, signed="V" in node)

    def _look_of_signature(self, node: dict[str, Any], name: str, *, signed: bool) -> None:
        """A signature field that is new: allowed where signing is, and where it hides nothing.

        What one shows, its signer says; while it waits for one, it may say nothing.
        """
        if self._locks.permission == 1 and not (signed and self._is_time_stamp(node)):
            self._forbid("CHANGE_AFTER_CERTIFICATION", name=name)
            return
        if not name and any(self._places(each, "Sig") for each in self._widgets(node)):
            # Some programs show no field without a name.
            self._forbid("CHANGE_FIELD_ADDED", name="?", page=self._page_of_widget(node))
        if signed and self._is_older_signature(node.get("V")):
            self._forbid("CHANGE_FIELD_ADDED", name=name, page=self._page_of_widget(node))
        for widget in self._widgets(node):
            if (
                RUNNING & widget.keys()
                or self._new.get(widget, "Subtype") not in (None, "Widget")
                or (self._places(widget, name) and _is_printed_only(widget))
                or not (signed or draws_nothing(self._new, widget))
                or ("Kids" in widget and "Rect" in widget)  # some programs draw it, some look below
            ):
                self._forbid("CHANGE_FIELD_ADDED", name=name, page=self._page_of_widget(widget))
            self._check_cover(widget, name, was_there=False, on_line=True, empty="AP" not in widget)

    def _is_older_signature(self, value: Any) -> bool:
        """Whether a signature was there before; one that a second field shows reads as a second signer's."""
        contents = self._new.get(value, "Contents")
        return contents is not None and any(
            each.dictionary.get("Contents") == contents for each in find_signatures(self._old)
        )

    def _is_time_stamp(self, node: dict[str, Any]) -> bool:
        value = self._new.resolve(node.get("V"))
        return isinstance(value, dict) and "ETSI.RFC3161" in (
            self._new.resolve(value.get("SubFilter")),
            "ETSI.RFC3161" if self._new.resolve(value.get("Type")) == "DocTimeStamp" else None,
        )

    def _field(self, number: int, before: dict[str, Any], after: dict[str, Any]) -> None:
        old, new = self._old_fields.get(number), self._new_fields.get(number)
        name = old.name if old else text(before.get("T"))
        page = self._page_of(number)
        if old is None and new is None:
            self._forbid("CHANGE_FIELD", name=name, page=page)
            return
        known = old or new
        assert known is not None  # noqa: S101 - one of the two
        keys = set(self._like.keys(before, after, FIELD_FREE))
        if "Kids" in keys and ((old is not None and old.signed) or "Rect" in before):
            self._forbid("CHANGE_FIELD", name=name, page=page)  # it has the widgets that it was signed with
        if "Kids" in keys:
            keys.discard("Kids")
            self._field_list(
                self._old.resolve(before.get("Kids")) or [], self._new.resolve(after.get("Kids"))
            )
        if "P" in keys and "P" not in before:
            keys.discard("P")
        keys -= {key for key in keys if self._means_the_same(key, before, after)}
        if "Ff" in keys and (_integer(before.get("Ff")) ^ _integer(after.get("Ff"))) == READ_ONLY:
            keys.discard("Ff")
        if not keys:
            return
        if known.kind == "Sig":
            self._signature_field(number, known, before, after, keys)
        else:
            self._form_field(number, known, before, after, keys)

    def _signature_field(
        self, number: int, known: FormNode, before: dict[str, Any], after: dict[str, Any], keys: set[str]
    ) -> None:
        page = self._page_of(number)
        new = self._new_fields.get(number)
        fresh = not known.signed and new is not None and new.signed
        if "AA" not in after:
            keys.discard("AA")  # what would have run when it was signed
        if self._new.resolve(after.get("Subtype")) != "Widget":
            keys |= {"Subtype"} & after.keys() - WHEN_SIGNED
        if (
            not fresh
            or keys - WHEN_SIGNED - {"V"}
            or self._is_older_signature(new.value if new is not None else None)
            or _flags(after) & HIDDEN_FLAGS & ~_flags(before)
        ):
            self._forbid("CHANGE_FIELD", name=known.name, page=page)
            return
        if self._locks.permission == 1 and not self._is_time_stamp(after):
            self._forbid("CHANGE_AFTER_CERTIFICATION", name=known.name)
            return
        if self._locks.forbids(known.name):
            self._forbid("CHANGE_FIELD_LOCKED", name=known.name, page=page)
            return
        self._fill(number, after)
        for widget in self._widgets(after):
            self._check_cover(widget, known.name, was_there="Rect" not in keys, on_line=True)

    def _fill(self, number: int, node: dict[str, Any]) -> None:
        """Note that a field got a value, which its widgets may show."""
        kids = self._new.resolve(node.get("Kids"))
        below = (
            [each.number for each in kids if isinstance(each, Reference)] if isinstance(kids, list) else []
        )
        self._filled.update((number, *below))

    def _form_field(
        self, number: int, known: FormNode, before: dict[str, Any], after: dict[str, Any], keys: set[str]
    ) -> None:
        page = self._page_of(number)
        if keys - WHEN_FILLED:
            self._forbid("CHANGE_FIELD", name=known.name, page=page)
            return
        self.shows = True
        below = any(name.startswith(known.name + ".") for name in self._locks.names)
        if (
            self._locks.permission == 1
            or self._locks.forbids(known.name)
            or (below and not self._locks.every)
        ):
            self._forbid("CHANGE_FIELD_LOCKED", name=known.name, page=page)
            return
        if known.kind == "Btn" and _integer(self._new.inherited(after, "Ff")) & PUSH_BUTTON:
            self._redrawn(after, known.name)  # it has no value that could be filled in
            return
        old, new = self._old_fields.get(number), self._new_fields.get(number)
        is_pressed = (
            known.kind == "Btn" and "AS" in keys
        )  # a button's state, which some set without its value
        if old is not None and new is not None and self._has_value_of(old, new) and not is_pressed:
            if "RV" in keys:
                self._forbid("CHANGE_FIELD", name=known.name, page=page)
            self._redrawn(after, known.name, new.value if known.kind in ("Tx", "Ch") else None)
            return
        self._fill(number, after)
        for widget in self._widgets(after):
            self._check_cover(widget, known.name, was_there=True, states=known.kind == "Btn")
            value = new.value if new is not None else after.get("V")
            if (known.kind in ("Tx", "Ch") and contradicts(self._new, after, widget, value)) or (
                known.kind == "Btn" and not shows_only_marks(self._old, before, self._new, widget)
            ):
                self._forbid("CHANGE_FIELD", name=known.name, page=page)
                return
        self.outcome.add("permitted", "FORM_FILLED", field=self._name, name=known.name, page=page)

    def _has_value_of(self, old: FormNode, new: FormNode) -> bool:
        values = self._old.resolve(old.value), self._new.resolve(new.value)
        return self._like.same(*values)

    def _means_the_same(self, key: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether a name is the same in another encoding, or what is missing is what stands for it."""
        if key not in FIELD_TEXTS and key not in DEFAULTS:
            return False
        old, new = self._old.resolve_all(before.get(key)), self._new.resolve_all(after.get(key))
        if key in FIELD_TEXTS and isinstance(old, bytes) and isinstance(new, bytes):
            return text_of_value(old) == text_of_value(new)
        default = DEFAULTS.get(key)
        return key in DEFAULTS and equal(default if old is None else old, default if new is None else new)

    def _has_known_fonts(self, widget: dict[str, Any]) -> bool:
        """Whether a look is written in fonts that were signed, or that every program has itself.

        A new one may draw a nine and call it a one.
        """
        form = self._new.get(self._new.catalog, "AcroForm", "DR", "Font")
        own = [self._new.get(each, "Resources", "Font") for each in looks_of(self._new, widget)]
        for fonts in (form, *own):
            for font in fonts.values() if isinstance(fonts, dict) else ():
                plain = self._new.resolve_all(font) if not isinstance(font, Reference) else None
                was_there = isinstance(font, Reference) and self._old.entries.get(font.number) is not None
                if not was_there and not (isinstance(plain, dict) and not plain.keys() - PLAIN_FONT):
                    return False
        return True

    def _redrawn(self, node: dict[str, Any], name: str, value: Any = None) -> None:
        """A look that was made anew: it may not show anything else, nor for a while.

        Where it can be read and shows the ``value`` of a text field, it may show it a little otherwise.
        """
        # Since it was signed: of many small steps none may be seen.
        pages = Drawings(self._signed, self._new)
        for widget in self._widgets(node):
            if not draws_alike(self._new, widget, states=True):
                self.outcome.add("undetermined", "CHANGES_UNDETERMINED", field=self._name)
            for box in () if _flags(widget) & HIDDEN else self._places(widget, name):
                try:
                    if not pages.differs(box):
                        continue
                    if (
                        value is not None
                        and self._has_known_fonts(widget)
                        and shows_all_of(self._new, node, widget, value)
                        and pages.has_as_much_ink(box)
                    ):
                        self.outcome.add("permitted", "FIELD_REDRAWN", field=self._name, name=name)
                    else:
                        self._forbid("CHANGE_FIELD", name=name, page=box.page + 1)
                except CannotDraw:
                    self.outcome.add("undetermined", "PAGE_NOT_DRAWN", field=self._name, page=box.page + 1)

    def _page(self, number: int, before: dict[str, Any], after: dict[str, Any]) -> None:
        for key in self._like.keys(before, after, PAGE_FREE):
            if key == "Annots":
                old, new = self._old.resolve(before.get(key)), self._new.resolve(after.get(key))
                self._annotations(number, old or [], new or [])
            elif not self._page_has_the_same(key, before, after):
                self._forbid("CHANGE_PAGE", page=self._page_of(number), what=key)

    def _page_has_the_same(self, key: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether a key of a page says what was inherited, what stands for it, or the same as an array."""
        if key in INHERITED:
            old, new = self._old.inherited(before, key), self._new.inherited(after, key)
            if key == "CropBox":
                old = self._old.inherited(before, "MediaBox") if old is None else old
                new = self._new.inherited(after, "MediaBox") if new is None else new
            return self._means_the_same(key, {key: old}, {key: new}) or self._like.same(old, new)
        if key == "Contents":
            old, new = self._old.resolve(before.get(key)), self._new.resolve(after.get(key))
            return self._like.same(
                old if isinstance(old, list) else [before.get(key)],
                new if isinstance(new, list) else [after.get(key)],
            )
        return False

    def _annotations(self, owner: int | None, before: Any, after: Any) -> None:
        page = self._page_of(owner) if owner is not None else "?"
        if not isinstance(before, list) or not isinstance(after, list):
            self._forbid("CHANGE_ANNOTATION_REMOVED", page=page)
            return
        added, gone = self._like.kept(before, after)
        if not all(self._is_later_note(each) for each in gone):
            self._forbid("CHANGE_ANNOTATION_REMOVED", page=page)
        if not self._like.in_order(before, after):
            self._forbid("CHANGE_ANNOTATION", page=page, kind="?")  # the last lies on top
        for each in added:
            node = self._new.resolve(each)
            number = each.number if isinstance(each, Reference) else -1
            known = self._new_fields.get(number)
            if known is not None and known.kind == "Sig":
                if number not in self._old_fields or not known.signed:
                    self._look_of_signature(
                        node if isinstance(node, dict) else {}, known.name, signed=known.signed
                    )
                elif number in self._old.once(on_pages):
                    self._forbid("CHANGE_ANNOTATION_ADDED", page=page, kind="Widget")  # on one page more
                elif isinstance(node, dict):
                    self._check_cover(node, known.name, on_line=True)
            elif known is None and isinstance(node, dict) and self._new.get(node, "FT") == "Sig":
                # Some producers list their field on the page and not in the form; it is judged all the same.
                self._look_of_signature(node, text(self._new.get(node, "T")), signed="V" in node)
            else:
                self._added_annotation(node, page)

    def _is_later_note(self, value: Any) -> bool:
        """Whether an annotation was not there yet when the signature was made: nobody signed it."""
        if self._locks.permission not in (None, 3) or not isinstance(value, Reference):
            return False
        kind = self._old.get(value, "Subtype")
        return self._signed.entries.get(value.number) is None and kind in NOTE_KINDS | DRAWN_KINDS

    def _added_annotation(self, node: Any, page: str) -> None:
        self.shows = True
        kind = self._new.get(node, "Subtype") if isinstance(node, dict) else None
        allowed = self._locks.permission in (None, 3)
        known = kind in NOTE_KINDS or kind in DRAWN_KINDS
        if (
            not isinstance(node, dict)
            or not known
            or not allowed
            or RUNNING & node.keys()
            or _is_printed_only(node)
        ):
            self._forbid("CHANGE_ANNOTATION_ADDED", page=page, kind=kind or "?")
            return
        if kind != "Popup" or "AP" in node:
            self._check_cover(node, str(kind), page=page)
        if kind in DRAWN_KINDS or writes_or_depicts(self._new, node) or self._is_large(node, str(kind)):
            self._check_apart(node, str(kind), page)
        elif kind in MARK_KINDS:
            self._check_marks(node, str(kind), page)
        self.outcome.add("permitted", "ANNOTATED", field=self._name, page=page)

    def _annotation(self, number: int, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.shows = True
        page = self._page_of(number)
        kind = self._old.get(before, "Subtype")
        if self._is_later_note(Reference(number, 0)):
            self._added_annotation(after, page)
            return
        keys = set(self._like.keys(before, after, frozenset()))
        if kind == "Popup" and "AP" not in after:
            keys -= WINDOW
        if self._locks.permission in (None, 3) and kind in NOTE_KINDS and not keys - NOTE_FREE:
            self.outcome.add("permitted", "ANNOTATED", field=self._name, page=page)
            return
        self._forbid("CHANGE_ANNOTATION", page=page, kind=kind or "?")

    def _appearance(self, number: int, role: Role) -> None:
        """A value or a look that was changed in place: allowed where the field may be filled."""
        self.shows = True
        if role.owner in self._filled:
            return
        known = self._old_fields.get(role.owner) if role.owner is not None else None
        if known is not None and known.kind not in ("Sig", None) and role.owner is not None:
            node = self._new.object(Reference(role.owner, 0))
            if isinstance(node, dict):
                self._form_field(role.owner, known, {}, node, {"V" if role.kind == "value" else "AP"})
                return
        owner = self._old_fields.get(role.owner) if role.owner is not None else None
        self._forbid(
            "CHANGE_FIELD", name=owner.name if owner else "?", page=self._page_of(role.owner or number)
        )

    def _form_data(self, before: Any, after: Any) -> None:
        """The values of an XFA form, which are written again when it is filled or signed."""
        self.shows = True
        locked = self._locks.permission == 1 or self._locks.every or self._locks.names
        if locked or not keeps_data(self._old, before, self._new, after):
            self._forbid("CHANGE_FIELD", name="XFA", page="?")
        else:
            self.outcome.add("permitted", "FORM_FILLED", field=self._name, name="XFA", page="?")

    def _structure(self, number: int, before: Any, after: Any) -> None:
        if not self._like.grows(before, after):
            self._forbid("CHANGE_STRUCTURE", object=number)

    def _structure_trees(self, number: int) -> None:
        """A node was written again: what the whole tree says counts, not how it is parted."""
        roots = [document.get(document.catalog, "StructTreeRoot") for document in (self._old, self._new)]
        if not both_dicts(*roots) or not self._like.grows(*roots):
            self._forbid("CHANGE_STRUCTURE", object=number)

    # -- what is hidden

    def _check_cover(
        self,
        widget: dict[str, Any],
        name: str,
        *,
        was_there: bool = False,
        on_line: bool = False,
        empty: bool = False,
        states: bool = False,
        page: str | None = None,
    ) -> None:
        flags = widget.get("F", 0)
        if type(flags) is not int or not 0 <= flags <= MOST_FLAGS:
            self._forbid("CHANGE_ANNOTATION_ADDED", page=page or self._page_of_widget(widget), kind=name)
        elif flags & HIDDEN:
            return
        boxes = self._places(widget, name)
        if boxes and not draws_alike(self._new, widget, states=states):
            self.outcome.add("undetermined", "CHANGES_UNDETERMINED", field=self._name)
        for box in boxes:
            self.shows = True
            told = page or str(box.page + 1)
            if not empty:
                self.drawn.append(Drawn(box, name, told, was_there=was_there, on_line=on_line))
            # It draws nothing itself, but programs mark a field that waits; one over a page hides the page.
            elif self._share_of_page(box) > _FULL_PAGE:
                self._forbid("CONTENT_COVERED", name=name, page=told, box=box.told)
            elif self._new.get(widget, "MK", "BG"):
                self.drawn.append(Drawn(box, name, told, paints=True))

    def _check_apart(self, annotation: dict[str, Any], kind: str, page: str) -> None:
        """What is drawn beside signed words reads as one of them: a digit more, a "not" in between."""
        if not _flags(annotation) & HIDDEN:
            boxes = self._places(annotation, kind)
            self.drawn.extend(Drawn(box, kind, page, joins=True) for box in boxes)

    def _is_large(self, annotation: dict[str, Any], kind: str) -> bool:
        """Whether what should be an icon has room for words, or a window a look of its own."""
        if kind == "Popup":
            return "AP" in annotation
        boxes = self._places(annotation, kind) if kind == "Text" and "AP" in annotation else ()
        return any(max(box.x1 - box.x0, box.y1 - box.y0) > _LARGEST_ICON for box in boxes)

    def _check_marks(self, annotation: dict[str, Any], kind: str, page: str) -> None:
        """A marker or a line may lie on signed words, and may be nothing else."""
        boxes = self._places(annotation, kind)
        if not boxes or _flags(annotation) & HIDDEN:
            return
        quads = _quads(self._new.resolve_all(annotation.get("QuadPoints")))
        self._marks += len(quads)
        if self._marks > _MOST_MARKS:
            raise TooMuch("more marks than anybody makes")
        for box in boxes:
            marked = quads or ((box.x0, box.y1, box.x1, box.y1, box.x0, box.y0, box.x1, box.y0),)
            for quad in marked:
                wide, high = max(quad[::2]) - min(quad[::2]), max(quad[1::2]) - min(quad[1::2])
                if min(wide, high) < _SMALLEST_MARK[0] or max(wide, high) < _SMALLEST_MARK[1]:
                    self._forbid("CONTENT_JOINED", kind=kind, page=page)
            self.drawn.append(Drawn(box, kind, page, quads=marked, wavy=kind == "Squiggly"))

    def _places(self, annotation: dict[str, Any], name: str) -> tuple[Box, ...]:
        """Where it draws; forbidden where nobody can tell."""
        try:
            return places(self._new, annotation)
        except Unplaced:
            self._forbid("CHANGE_ANNOTATION_ADDED", page=self._page_of_widget(annotation), kind=name)
            return ()

    def _share_of_page(self, box: Box) -> float:
        for index, (_, page) in enumerate(self._new.pages()):
            if index == box.page:
                media = self._new.resolve_all(page.get("MediaBox")) or [0, 0, 595, 842]
                try:
                    size = abs((media[2] - media[0]) * (media[3] - media[1]))
                except (TypeError, IndexError):
                    size = 595 * 842
                return float((box.x1 - box.x0) * (box.y1 - box.y0) / max(size, 1))
        return 1.0

    def _widgets(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """The field's own widget, and all below it: some programs draw both."""
        found: list[dict[str, Any]] = []
        waiting, met = [(node, 0)], 0
        while waiting and met < _MOST_WIDGETS:
            each, depth = waiting.pop()
            met += 1
            if "Rect" in each:
                found.append(each)
            kids = self._new.resolve(each.get("Kids")) if depth < _DEEPEST else None
            below = (
                self._new.resolve(kid) for kid in (kids[:_MOST_WIDGETS] if isinstance(kids, list) else ())
            )
            waiting += [(kid, depth + 1) for kid in below if isinstance(kid, dict)]
        return found

    def _page_of_widget(self, node: Any) -> str:
        shown_on = pages_of(self._new, node) if isinstance(node, dict) else ()
        return str(shown_on[0] + 1) if shown_on else "?"

    def _page_of(self, number: int) -> str:
        page = self._new_map.page_of.get(number, self._old_map.page_of.get(number))
        return str(page + 1) if page is not None else "?"

    def _forbid(self, code: str, **values: object) -> None:
        self.outcome.add("forbidden", code, field=self._name, **values)


def _quads(values: Any) -> tuple[tuple[float, ...], ...]:
    """Each quadrilateral of /QuadPoints with its eight numbers; none where it is not that."""
    if not isinstance(values, list) or not all(isinstance(each, int | float) for each in values):
        return ()
    return tuple(tuple(map(float, values[at : at + 8])) for at in range(0, len(values) - 7, 8))


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _flags(node: dict[str, Any]) -> int:
    return _integer(node.get("F"))


def _is_printed_only(node: dict[str, Any]) -> bool:
    """Whether paper shows what no screen does, so that nobody looks at it in time."""
    return _flags(node) & (PRINT | HIDDEN_FLAGS) == PRINT | NO_VIEW


def _is_drawn_by_programs(document: Document) -> bool:
    """Whether programs draw fields as the form says, because there are no looks or they count for nothing."""
    form = document.get(document.catalog, "AcroForm")
    return bool(document.get(form, "NeedAppearances")) or any(
        "AP" not in widget and inherited(document, widget, field, "V") is not None
        for field, widget in _text_widgets(document)
    )


def _shows_stale_looks(document: Document) -> bool:
    """Whether a text or choice field has a look that contradicts its value, drawn anew before."""
    return any(
        contradicts(document, field, widget, inherited(document, widget, field, "V"))
        for field, widget in _text_widgets(document)
    )


def _text_widgets(document: Document) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each text and choice field with each of its widgets."""
    for _, _, found, kind in terminal_fields(document):
        if kind in ("Tx", "Ch"):
            kids = document.resolve(found.get("Kids"))
            below = (document.resolve(each) for each in (kids if isinstance(kids, list) else ()))
            widgets = [each for each in below if isinstance(each, dict)]
            yield from ((found, widget) for widget in widgets or [found])

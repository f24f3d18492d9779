"""Later revisions that change fields, their widgets and annotations beyond what the rules permit.

Left out because it is harmless: /ID exchanged in a file that is not encrypted, a lower /Version in the
catalogue (the header's counts then, ISO 32000-2, table 29), metadata, and whatever stands in a /DSS.
"""

from __future__ import annotations

from random import Random

from pyhanko.pdf_utils import generic

from tests.interop import updates
from tests.interop.updates import Change, Revision

_name = updates._name
_string = generic.pdf_string


def _one_field(
    writer: Revision, random: Random, kinds: tuple[str, ...]
) -> tuple[generic.IndirectObject, generic.DictionaryObject] | None:
    found = [
        (reference, field)
        for reference, field in updates._fields(writer)
        if isinstance(reference, generic.IndirectObject) and updates._value(field, "/FT") in kinds
    ]
    return random.choice(found) if found else None


def _with_field(kinds: tuple[str, ...], change: Change) -> Change:
    """One field of these types, changed as ``change`` does with the dictionary in the revision's place."""

    def apply(writer: Revision, random: Random) -> bool:
        found = _one_field(writer, random, kinds)
        if found is None or not change(found[1], random):
            return False
        writer.mark_update(found[0])
        return True

    return apply


def _field_entry(field: generic.DictionaryObject, random: Random) -> bool:
    """An entry that says how the field is named, read, spoken or what it does."""
    action = generic.DictionaryObject(
        {_name("/S"): _name("/JavaScript"), _name("/JS"): _string("event.value = '9.500.000'")}
    )
    entries = {
        "/T": _string("lain"),
        "/TU": _string("Jumlah: Rp 9.500.000"),
        "/TM": _string("lain"),
        "/FT": _name("/Btn" if field["/FT"] != "/Btn" else "/Tx"),
        "/Ff": generic.NumberObject(random.choice((1 << 12, 1 << 13, 1 << 24))),
        "/MaxLen": generic.NumberObject(2),
        "/Q": generic.NumberObject(2),
        "/AA": generic.DictionaryObject({_name("/F"): action}),
        "/A": action,
        "/OC": generic.DictionaryObject({_name("/Type"): _name("/OCG"), _name("/Name"): _string("x")}),
        "/Opt": generic.ArrayObject([_string("lain")]),
    }
    key = random.choice(sorted(entries))
    field[key] = entries[key]
    return True


def _hidden_field(field: generic.DictionaryObject, random: Random) -> bool:
    field["/F"] = generic.NumberObject(random.choice((2, 6, 32, 36)))
    return True


def _moved_field(field: generic.DictionaryObject, random: Random) -> bool:
    x, y = random.randrange(30, 300), random.randrange(30, 300)
    field["/Rect"] = updates._numbers(x, y, x + 200, y + 20)
    return True


def _look_and_decoration(writer: Revision, random: Random) -> bool:
    """Another look for the same value; a changed decoration (/MK) makes it no filling."""
    found = _one_field(writer, random, ("/Tx",))
    if found is None or "/V" not in found[1]:
        return False
    reference, field = found
    field["/MK"] = generic.DictionaryObject({_name("/BC"): updates._numbers(random.random())})
    drawing = updates._form(writer, b"0 0 1 rg 0 0 200 20 re f", updates._numbers(0, 0, 200, 20))
    field["/AP"] = generic.DictionaryObject({_name("/N"): drawing})
    writer.mark_update(reference)
    return True


def _widget_on_other_page(writer: Revision, random: Random) -> bool:
    """/P of a widget names another page, or none that is one."""
    fields = [each for each in updates._fields(writer) if "/P" in each[1]]
    if not fields:
        return False
    reference, field = random.choice(fields)
    field["/P"] = writer.root.raw_get("/Pages")
    writer.mark_update(reference)
    return True


def _parent_of_field(writer: Revision, random: Random) -> bool:
    """A field inherits from a parent that was put above it."""
    found = _one_field(writer, random, ("/Tx", "/Btn", "/Sig"))
    if found is None:
        return False
    reference, field = found
    field["/Parent"] = writer.add_object(
        generic.DictionaryObject(
            {_name("/T"): _string("atas"), _name("/Kids"): generic.ArrayObject([reference])}
        )
    )
    writer.mark_update(reference)
    return True


def _kids_of_field(writer: Revision, random: Random) -> bool:
    """A signed field gets a second widget, which shows something else."""
    for reference, field in updates._signatures(writer):
        page, page_reference = updates._page(writer)
        drawing = updates._form(writer, b"0 g 0 0 300 20 re f", updates._numbers(0, 0, 300, 20))
        kid = generic.DictionaryObject(
            {
                _name("/Type"): _name("/Annot"),
                _name("/Subtype"): _name("/Widget"),
                _name("/Rect"): updates._numbers(72, 640, 372, 660),
                _name("/Parent"): reference,
                _name("/P"): page_reference,
                _name("/AP"): generic.DictionaryObject({_name("/N"): drawing}),
            }
        )
        added = writer.add_object(kid)
        field["/Kids"] = generic.ArrayObject([added])
        kept = updates._references(page["/Annots"]) if "/Annots" in page else []
        page["/Annots"] = generic.ArrayObject([*kept, added])
        writer.mark_update(reference)
        writer.mark_update(page_reference)
        return True
    return False


def _removed_annotations(writer: Revision, random: Random) -> bool:
    page, reference = updates._page(writer)
    if "/Annots" not in page or not len(page["/Annots"]):
        return False
    page["/Annots"] = generic.ArrayObject(updates._references(page["/Annots"])[1:])
    writer.mark_update(reference)
    return True


def _words_in_markup(writer: Revision, random: Random) -> bool:
    """EAA: a marker, a note's icon or an underline whose look writes words beside the signed ones."""
    page, _ = updates._page(writer)
    resources = b"/F1 40 Tf"
    drawing = b"BT %s 4 4 Td (9.500.000 9.500.000 9.500.000) Tj ET" % resources
    kind = random.choice(("/Highlight", "/Underline", "/Squiggly", "/StrikeOut", "/Text", "/Popup"))
    if not updates._annotation(writer, kind, updates._numbers(40, 300, 555, 805), drawing):
        return False
    note = page["/Annots"].raw_get(len(page["/Annots"]) - 1).get_object()
    note["/QuadPoints"] = updates._numbers(40, 805, 555, 805, 40, 300, 555, 300)
    font = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Font"),
            _name("/Subtype"): _name("/Type1"),
            _name("/BaseFont"): _name("/Helvetica"),
        }
    )
    note["/AP"]["/N"]["/Resources"] = generic.DictionaryObject(
        {_name("/Font"): generic.DictionaryObject({_name("/F1"): writer.add_object(font)})}
    )
    return True


def _outlined_words_in_markup(writer: Revision, random: Random) -> bool:
    """EAA: the same words without any text: digits of bars, as a seven-segment display has them."""
    page, _ = updates._page(writer)
    kind = random.choice(("/Highlight", "/Underline", "/Squiggly", "/StrikeOut"))
    bars = b"0 0 12 2 re 0 10 12 2 re 0 20 12 2 re 10 0 2 20 re 0 10 2 10 re f "
    drawing = b"".join(
        b"q 1 0 0 1 %d %d cm %s Q " % (x, y, bars) for x in (5, 25, 480) for y in (5, 250, 470)
    )
    if not updates._annotation(writer, kind, updates._numbers(40, 300, 555, 805), drawing):
        return False
    note = page["/Annots"].raw_get(len(page["/Annots"]) - 1).get_object()
    note["/QuadPoints"] = updates._numbers(40, 805, 555, 805, 40, 300, 555, 300)
    return True


def _look_beside_value(writer: Revision, random: Random) -> bool:
    """A field is filled, and shows another text than the value that programs read."""
    found = _one_field(writer, random, ("/Tx",))
    if found is None or "/Rect" not in found[1]:
        return False
    reference, field = found
    field["/V"] = _string(f"{random.randrange(1, 9)}.500.000")
    x1, y1, x2, y2 = map(float, updates._values(field["/Rect"]))
    drawing = b"/Tx BMC q BT /Lain 9 Tf 2 4 Td (%d.000) Tj ET Q EMC" % random.randrange(10, 99)
    look = updates._form(writer, drawing, updates._numbers(0, 0, abs(x2 - x1), abs(y2 - y1)))
    font = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Font"),
            _name("/Subtype"): _name("/Type1"),
            _name("/BaseFont"): _name("/Helvetica"),
        }
    )
    look.get_object()["/Resources"] = generic.DictionaryObject(
        {_name("/Font"): generic.DictionaryObject({_name("/Lain"): writer.add_object(font)})}
    )
    field["/AP"] = generic.DictionaryObject({_name("/N"): look})
    writer.mark_update(reference)
    return True


def _printed_only(writer: Revision, random: Random) -> bool:
    """EAA: an annotation that no screen shows covers what was signed on paper (/F NoView and Print)."""
    if not updates._annotation(
        writer, "/Stamp", updates._numbers(60, 560, 540, 800), b"1 g 0 0 480 240 re f"
    ):
        return False
    page, _ = updates._page(writer)
    note = page["/Annots"].raw_get(len(page["/Annots"]) - 1).get_object()
    note["/F"] = generic.NumberObject(4 | 32)
    return True


def _acting_note(writer: Revision, random: Random) -> bool:
    """A link, or a note with an action."""
    if not updates._annotation(
        writer, random.choice(("/Link", "/Text")), updates._numbers(2, 2, 12, 12), b""
    ):
        return False
    page, _ = updates._page(writer)
    note = page["/Annots"].raw_get(len(page["/Annots"]) - 1).get_object()
    note["/A"] = generic.DictionaryObject(
        {
            _name("/S"): _name(random.choice(("/URI", "/Launch"))),
            _name("/URI"): _string("http://lain.example"),
        }
    )
    return True


def _unsigned_signature_with_words(writer: Revision, random: Random) -> bool:
    """SSA: an unsigned signature field, small, whose look says something between the signed lines."""
    return updates._add_field(writer, "/Sig", updates._numbers(72, random.randrange(560, 700), 400, 800))


CHANGES: tuple[tuple[str, str, Change], ...] = (
    (
        "field-entry",
        "a field is named, read and acts as it was signed",
        _with_field(("/Tx", "/Btn"), _field_entry),
    ),
    (
        "signature-entry",
        "a signed field is named, read and acts as it was",
        _with_field(("/Sig",), _field_entry),
    ),
    ("hidden-field", "a field that was seen is seen", _with_field(("/Tx", "/Btn"), _hidden_field)),
    ("moved-field", "a field stands where it was", _with_field(("/Tx", "/Btn"), _moved_field)),
    ("look-and-decoration", "a look changes only with its value", _look_and_decoration),
    ("widget-on-other-page", "a widget is of its page (/P)", _widget_on_other_page),
    ("parent-of-field", "a field inherits what it inherited (/Parent)", _parent_of_field),
    ("kids-of-field", "a signed field has its widgets and no others (/Kids)", _kids_of_field),
    ("removed-annotations", "the pages list every annotation", _removed_annotations),
    ("words-in-markup", "a note's look writes no words among those signed", _words_in_markup),
    ("outlines-in-markup", "a mark draws a line or an area and no words", _outlined_words_in_markup),
    ("look-beside-value", "a field that is filled shows its value", _look_beside_value),
    ("printed-only", "paper shows what the screen shows", _printed_only),
    ("acting-note", "what is added does nothing", _acting_note),
    ("words-in-signature-field", "an empty signature field says nothing", _unsigned_signature_with_words),
)

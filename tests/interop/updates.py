"""Later revisions of signed files: by hand at the level of bytes, and properly through pyHanko's writer."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from random import Random

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import PdfKeyNotAvailableError
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

Revision = IncrementalPdfFileWriter
Change = Callable[[Revision, Random], bool]


# --- bytes


def with_end_of_line(pdf: bytes) -> bytes:
    """The file, so that the next byte begins a line."""
    return pdf if pdf.endswith((b"\n", b"\r")) else pdf + b"\n"


def last_startxref(pdf: bytes) -> int:
    return int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])


def earlier_startxref(pdf: bytes) -> int | None:
    """Where the table before the last revision's stands, or None in a file of one revision."""
    found = [int(each) for each in re.findall(rb"startxref\s+(\d+)", pdf)]
    earlier = [each for each in found[:-1] if each not in (0, found[-1])]
    return earlier[0] if earlier else None


def offsets(pdf: bytes) -> dict[int, int]:
    """Object numbers and where they stand as text; the last of each number."""
    return {int(match[1]): match.start(1) for match in re.finditer(rb"(?:^|[\r\n])(\d+) 0 obj\b", pdf)}


def _reader(pdf: bytes) -> PdfFileReader:
    reader = PdfFileReader(BytesIO(pdf), strict=False)
    if reader.encrypted:
        reader.decrypt("")
    return reader


def content_object(pdf: bytes) -> int | None:
    """The number of the first page's (first) content stream."""
    contents = _first_page(_reader(pdf)).raw_get("/Contents")
    if isinstance(contents, generic.ArrayObject):
        contents = contents.raw_get(0)
    return contents.idnum if isinstance(contents, generic.IndirectObject) else None


def first_page_object(pdf: bytes) -> tuple[int, bytes] | None:
    """The number of the first page and what stands in it, but for /Contents."""
    page = _first_page(_reader(pdf))
    reference = page.container_ref
    if not isinstance(reference, generic.Reference) or _reader(pdf).encrypted:
        return None
    out = BytesIO()
    generic.DictionaryObject({key: page.raw_get(key) for key in page if key != "/Contents"}).write_to_stream(
        out
    )
    return reference.idnum, out.getvalue().strip()[2:-2]


def highest_number(pdf: bytes) -> int:
    """The last object number that the file may have used."""
    return max(int(_reader(pdf).trailer["/Size"]), *offsets(pdf), 1)


def root_reference(pdf: bytes) -> bytes:
    """The reference to the catalogue."""
    return _reference(_reader(pdf).trailer.raw_get("/Root"))


def form_entry(pdf: bytes) -> bytes:
    """The catalogue's entry of the form, as text."""
    root = _reader(pdf).root
    if "/AcroForm" not in root:
        return b""
    out = BytesIO()
    root.raw_get("/AcroForm").write_to_stream(out)
    return b"/AcroForm " + out.getvalue()


def _first_page(reader: PdfFileReader) -> generic.DictionaryObject:
    node = reader.root["/Pages"]
    while node["/Type"] == "/Pages":
        node = node["/Kids"][0]
    return node


def trailer_entries(pdf: bytes) -> bytes:
    """/Root, /Size and what else the next trailer has to repeat."""
    reader = _reader(pdf)
    trailer = reader.trailer
    entries = b"/Size %d /Root %s" % (int(trailer["/Size"]), _reference(trailer.raw_get("/Root")))
    if "/Encrypt" in trailer:
        encryption = trailer.raw_get("/Encrypt")
        if isinstance(encryption, generic.IndirectObject):
            entries += b" /Encrypt %s" % _reference(encryption)
    if "/ID" in trailer:
        first, second = (bytes(getattr(each, "original_bytes", each)) for each in trailer["/ID"])
        entries += b" /ID [<%s><%s>]" % (first.hex().encode(), second.hex().encode())
    return entries


def _reference(reference: generic.IndirectObject) -> bytes:
    return b"%d %d R" % (reference.idnum, reference.generation)


def table(entries: dict[int, int | None], trailer: bytes, previous: int | None) -> bytes:
    """A cross-reference table; an offset of None frees the number."""
    out = b"xref\n" if entries else b"xref\n0 0\n"
    for number, offset in sorted(entries.items()):
        row = b"%010d 00000 n \n" % offset if offset is not None else b"0000000000 00001 f \n"
        out += b"%d 1\n%s" % (number, row)
    chain = b"" if previous is None else b" /Prev %d" % previous
    return out + b"trailer\n<< %s%s >>\n" % (trailer, chain)


def append_table(
    pdf: bytes, entries: dict[int, int | None], *, previous: int | None = None, before: bytes = b""
) -> bytes:
    """The file with one more revision that consists of a table only (and of ``before``)."""
    previous = last_startxref(pdf) if previous is None else previous
    out = with_end_of_line(pdf) + before
    start = len(out)
    return out + table(entries, trailer_entries(pdf), previous) + b"startxref\n%d\n%%%%EOF\n" % start


# --- proper revisions


def revise(pdf: bytes, change: Callable[[Revision], bool]) -> bytes | None:
    """The file with one more revision, as an honest program would write it; None where nothing applies."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    try:
        if writer.prev.encrypted:
            writer.encrypt("")
        if not change(writer):
            return None
        out = BytesIO()
        writer.write(out)
    except PdfKeyNotAvailableError:
        return None  # AES-GCM (ISO/TS 32003) as iText writes it, which pyHanko cannot open
    return out.getvalue()


def _page(writer: Revision) -> tuple[generic.DictionaryObject, generic.IndirectObject]:
    """The first page and the reference to it."""
    reference = writer.root.raw_get("/Pages")
    node = reference.get_object()
    while node["/Type"] == "/Pages":
        reference = node["/Kids"].raw_get(0)
        node = reference.get_object()
    return node, reference


def _name(text: str) -> generic.NameObject:
    return generic.pdf_name(text)


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject(map(generic.FloatObject, values))


def _form(writer: Revision, drawing: bytes, box: generic.ArrayObject) -> generic.IndirectObject:
    return writer.add_object(
        generic.StreamObject(
            {_name("/Type"): _name("/XObject"), _name("/Subtype"): _name("/Form"), _name("/BBox"): box},
            stream_data=drawing,
        )
    )


def _mark_form(writer: Revision) -> None:
    """The form was changed: it stands by itself or in the catalogue."""
    raw = writer.root.raw_get("/AcroForm")
    if isinstance(raw, generic.IndirectObject):
        writer.mark_update(raw)
    else:
        writer.update_root()


def _fields(writer: Revision) -> list[tuple[generic.IndirectObject, generic.DictionaryObject]]:
    if "/AcroForm" not in writer.root:
        return []
    references = writer.root["/AcroForm"]["/Fields"]
    return [(references.raw_get(i), references[i]) for i in range(len(references))]


def _signatures(writer: Revision) -> list[tuple[generic.IndirectObject, generic.DictionaryObject]]:
    return [
        (ref, field) for ref, field in _fields(writer) if _value(field, "/FT") == "/Sig" and "/V" in field
    ]


def _value(dictionary: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    """What stands under the key, references followed (``get`` does not follow them)."""
    try:
        return dictionary[key]
    except KeyError:
        return None


def _values(array: generic.ArrayObject) -> list[generic.PdfObject]:
    return [array[i] for i in range(len(array))]


def _certification(writer: Revision) -> int | None:
    """What the certification permits (P), or None."""
    if "/Perms" not in writer.root or "/DocMDP" not in writer.root["/Perms"]:
        return None
    for reference in _values(writer.root["/Perms"]["/DocMDP"]["/Reference"]):
        if reference["/TransformMethod"] == "/DocMDP":
            return int(_value(reference["/TransformParams"], "/P") or 2)
    return None


def _replace_content(writer: Revision, random: Random) -> bool:
    page, reference = _page(writer)
    page["/Contents"] = writer.add_object(
        generic.StreamObject(stream_data=b"0.5 g %d 300 200 200 re f" % random.randrange(100, 300))
    )
    writer.mark_update(reference)
    return True


def _edit_content_stream(writer: Revision, random: Random) -> bool:
    page, _ = _page(writer)
    contents = page.raw_get("/Contents")
    if isinstance(page["/Contents"], generic.ArrayObject):
        contents = page["/Contents"].raw_get(0)
    if not isinstance(contents, generic.IndirectObject):
        return False
    stream = contents.get_object()
    stream._data = stream.data + b"\nq 1 g 70 %d 400 60 re f Q" % random.randrange(600, 740)
    stream._encoded_data = None
    writer.mark_update(contents)
    return True


def _cover_with_annotation(writer: Revision, random: Random) -> bool:
    page, reference = _page(writer)
    box = _numbers(60, 560, 540, 800)
    drawing = _form(writer, b"1 g 60 560 480 240 re f", box)
    annotation = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Annot"),
            _name("/Subtype"): _name(random.choice(["/Square", "/Stamp", "/FreeText", "/Ink"])),
            _name("/Rect"): box,
            _name("/F"): generic.NumberObject(4),
            _name("/Contents"): generic.pdf_string("Jumlah: Rp 9.999.999"),
            _name("/AP"): generic.DictionaryObject({_name("/N"): drawing}),
        }
    )
    if "/Annots" in page:
        page["/Annots"] = generic.ArrayObject([*_references(page["/Annots"]), writer.add_object(annotation)])
    else:
        page["/Annots"] = generic.ArrayObject([writer.add_object(annotation)])
    writer.mark_update(reference)
    return True


def _references(array: generic.ArrayObject) -> list[generic.PdfObject]:
    return [array.raw_get(i) for i in range(len(array))]


def _cover_with_field(writer: Revision, random: Random) -> bool:
    return _add_field(writer, "/Tx", _numbers(60, 560, 540, 800))


def _sneaky_signature_field(writer: Revision, random: Random) -> bool:
    """SSA: an unsigned signature field whose appearance hides the page."""
    return _add_field(writer, "/Sig", _numbers(40, 40, 560, 800))


def _add_field(writer: Revision, kind: str, box: generic.ArrayObject) -> bool:
    page, reference = _page(writer)
    drawing = _form(writer, b"1 g 0 0 600 842 re f", _numbers(0, 0, 600, 842))
    field = writer.add_object(
        generic.DictionaryObject(
            {
                _name("/Type"): _name("/Annot"),
                _name("/Subtype"): _name("/Widget"),
                _name("/FT"): _name(kind),
                _name("/T"): generic.pdf_string("Tambahan"),
                _name("/Rect"): box,
                _name("/F"): generic.NumberObject(4),
                _name("/P"): reference,
                _name("/AP"): generic.DictionaryObject({_name("/N"): drawing}),
            }
        )
    )
    kept = _references(page["/Annots"]) if "/Annots" in page else []
    page["/Annots"] = generic.ArrayObject([*kept, field])
    writer.mark_update(reference)
    form = writer.root["/AcroForm"]
    form["/Fields"] = generic.ArrayObject([*_references(form["/Fields"]), field])
    _mark_form(writer)
    return True


def _replace_kids(writer: Revision, random: Random) -> bool:
    page, _ = _page(writer)
    parent = page.raw_get("/Parent")
    fresh = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Page"),
            _name("/Parent"): parent,
            _name("/MediaBox"): _numbers(0, 0, 595, 842),
            _name("/Contents"): writer.add_object(generic.StreamObject(stream_data=b"0 0 m 500 500 l S")),
        }
    )
    tree = parent.get_object()
    kids = _references(tree["/Kids"])
    kids[0] = writer.add_object(fresh)
    tree["/Kids"] = generic.ArrayObject(kids)
    writer.mark_update(parent)
    return True


def _other_catalogue(writer: Revision, random: Random) -> bool:
    """The catalogue's page tree is another one, of as many pages."""
    count = int(writer.root["/Pages"]["/Count"])
    blank = [
        writer.add_object(
            generic.DictionaryObject(
                {_name("/Type"): _name("/Page"), _name("/MediaBox"): _numbers(0, 0, 595, 842)}
            )
        )
        for _ in range(count)
    ]
    tree = writer.add_object(
        generic.DictionaryObject(
            {
                _name("/Type"): _name("/Pages"),
                _name("/Count"): generic.NumberObject(count),
                _name("/Kids"): generic.ArrayObject(blank),
            }
        )
    )
    for page in blank:
        page.get_object()["/Parent"] = tree
    writer.root["/Pages"] = tree
    writer.update_root()
    return True


def _rotate(writer: Revision, random: Random) -> bool:
    page, reference = _page(writer)
    page["/Rotate"] = generic.NumberObject(random.choice([90, 180, 270]))
    writer.mark_update(reference)
    return True


def _crop(writer: Revision, random: Random) -> bool:
    page, reference = _page(writer)
    page["/CropBox"] = _numbers(0, 0, 595, random.randrange(200, 600))
    writer.mark_update(reference)
    return True


def _other_font(writer: Revision, random: Random) -> bool:
    """Shadow, replace: the same bytes of text are shown with other glyphs."""
    page, _ = _page(writer)
    resources = _value(page, "/Resources")
    if resources is None or "/Font" not in resources:
        return False
    fonts = resources["/Font"]
    for name in fonts:
        reference = fonts.raw_get(name)
        if isinstance(reference, generic.IndirectObject):
            font = reference.get_object()
            digits = generic.ArrayObject(
                [generic.NumberObject(49), _name("/nine"), _name("/eight"), _name("/seven")]
            )
            font["/Encoding"] = generic.DictionaryObject({_name("/Differences"): digits})
            writer.mark_update(reference)
            return True
    return False


def _open_action(writer: Revision, random: Random) -> bool:
    writer.root["/OpenAction"] = generic.DictionaryObject(
        {_name("/S"): _name("/JavaScript"), _name("/JS"): generic.pdf_string("app.alert('x')")}
    )
    writer.update_root()
    return True


def _appearance_behind_value(writer: Revision, random: Random) -> bool:
    """A field shows another text although its value is the same."""
    for reference, field in _fields(writer):
        if _value(field, "/FT") == "/Tx" and "/AP" in field:
            field["/AP"] = generic.DictionaryObject(
                {_name("/N"): _form(writer, b"0 0 1 rg 0 0 200 20 re f", _numbers(0, 0, 200, 20))}
            )
            writer.mark_update(reference)
            return True
    return False


def _fill_against_rules(writer: Revision, random: Random) -> bool:
    """A field is filled although the certification forbids every change, or a lock names all fields."""
    locked = any(
        "/Reference" in field["/V"]
        and any(
            each["/TransformMethod"] == "/FieldMDP" and each["/TransformParams"]["/Action"] == "/All"
            for each in _values(field["/V"]["/Reference"])
        )
        for _, field in _signatures(writer)
    )
    if _certification(writer) != 1 and not locked:
        return False
    for reference, field in _fields(writer):
        if _value(field, "/FT") == "/Tx":
            field["/V"] = generic.pdf_string(f"Diubah {random.randrange(1000)}")
            writer.mark_update(reference)
            return True
    return False


def _annotate_against_rules(writer: Revision, random: Random) -> bool:
    """EAA: a note on a page whose certification allows none (P is 1 or 2)."""
    if _certification(writer) not in (1, 2):
        return False
    page, reference = _page(writer)
    note = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Annot"),
            _name("/Subtype"): _name("/Text"),
            _name("/Rect"): _numbers(20, 20, 40, 40),
            _name("/Contents"): generic.pdf_string("Catatan"),
        }
    )
    kept = _references(page["/Annots"]) if "/Annots" in page else []
    page["/Annots"] = generic.ArrayObject([*kept, writer.add_object(note)])
    writer.mark_update(reference)
    return True


def _loosen_certification(writer: Revision, random: Random) -> bool:
    """The certification's own dictionary is written again and allows more."""
    if _certification(writer) not in (1, 2):
        return False
    reference = writer.root["/Perms"].raw_get("/DocMDP")
    if not isinstance(reference, generic.IndirectObject):
        return False
    listed = reference.get_object()["/Reference"]
    for i in range(len(listed)):
        parameters = listed[i]["/TransformParams"]
        parameters["/P"] = generic.NumberObject(3)
        # What stands by itself has to be written by itself.
        for raw in (listed.raw_get(i), listed[i].raw_get("/TransformParams")):
            if isinstance(raw, generic.IndirectObject):
                writer.mark_update(raw)
    writer.mark_update(reference)
    return True


def _annotation(writer: Revision, kind: str, box: generic.ArrayObject, drawing: bytes) -> bool:
    """A new annotation on the first page that looks as ``drawing`` says."""
    page, reference = _page(writer)
    width, height = (float(box[i + 2]) - float(box[i]) for i in (0, 1))
    note = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Annot"),
            _name("/Subtype"): _name(kind),
            _name("/Rect"): box,
            _name("/F"): generic.NumberObject(4),
            _name("/Contents"): generic.pdf_string("0"),
            _name("/AP"): generic.DictionaryObject(
                {_name("/N"): _form(writer, drawing, _numbers(0, 0, width, height))}
            ),
        }
    )
    kept = _references(page["/Annots"]) if "/Annots" in page else []
    page["/Annots"] = generic.ArrayObject([*kept, writer.add_object(note)])
    writer.mark_update(reference)
    return True


def _join_with_annotation(writer: Revision, random: Random) -> bool:
    """EAA: a drawing among the signed words hides nothing and reads as one of them."""
    kind = random.choice(["/FreeText", "/Stamp", "/Line", "/Ink", "/Square"])
    drawings = b"".join(b"%d %d 2 6 re f " % (x, y) for x in range(0, 500, 7) for y in range(0, 700, 9))
    return _annotation(writer, kind, _numbers(50, 80, 545, 790), drawings)


def _watermark(writer: Revision, random: Random) -> bool:
    """A watermark or a redaction, which no reader takes for a note."""
    kind = random.choice(["/Watermark", "/Redact", "/Screen", "/RichMedia"])
    return _annotation(writer, kind, _numbers(2, 2, 30, 20), b"0 0 20 10 re f")


def _speak_otherwise(writer: Revision, random: Random) -> bool:
    """What a screen reader says instead of the signed words."""
    if "/StructTreeRoot" not in writer.root:
        return False
    kids = writer.root["/StructTreeRoot"].raw_get("/K")
    reference = kids if isinstance(kids, generic.IndirectObject) else kids.raw_get(0)
    element = reference.get_object()
    if isinstance(element, generic.ArrayObject):
        reference = element.raw_get(0)
        element = reference.get_object()
    element[random.choice(["/ActualText", "/Alt", "/E"])] = generic.pdf_string("Jumlah: Rp 9.500.000")
    writer.mark_update(reference)
    return True


def _optional_content(writer: Revision, random: Random) -> bool:
    """Shadow, hide: a layer that is switched off."""
    group = writer.add_object(
        generic.DictionaryObject(
            {_name("/Type"): _name("/OCG"), _name("/Name"): generic.pdf_string("Lapisan")}
        )
    )
    writer.root["/OCProperties"] = generic.DictionaryObject(
        {
            _name("/OCGs"): generic.ArrayObject([group]),
            _name("/D"): generic.DictionaryObject({_name("/OFF"): generic.ArrayObject([group])}),
        }
    )
    writer.update_root()
    return True


def _draw_fields_anew(writer: Revision, random: Random) -> bool:
    """Programs are told to draw the fields by themselves, with another font under the name that they use."""
    if "/AcroForm" not in writer.root:
        return False
    form = writer.root["/AcroForm"]
    form["/NeedAppearances"] = generic.BooleanObject(True)
    font = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Font"),
            _name("/Subtype"): _name("/Type1"),
            _name("/BaseFont"): _name(random.choice(["/Symbol", "/ZapfDingbats"])),
        }
    )
    form["/DR"] = generic.DictionaryObject(
        {_name("/Font"): generic.DictionaryObject({_name("/Helv"): writer.add_object(font)})}
    )
    _mark_form(writer)
    return True


def _inherited_box(writer: Revision, random: Random) -> bool:
    """Pages inherit a turn or a crop from a node of the tree that is written again."""
    page, _ = _page(writer)
    parent = page.raw_get("/Parent")
    if random.random() < 0.5:
        parent.get_object()["/Rotate"] = generic.NumberObject(180)
    else:
        parent.get_object()["/CropBox"] = _numbers(0, 0, 595, 300)
    writer.mark_update(parent)
    return True


def _remove_certification(writer: Revision, random: Random) -> bool:
    if _certification(writer) is None:
        return False
    del writer.root["/Perms"]
    writer.update_root()
    return True


def _swap_signature(writer: Revision, random: Random) -> bool:
    """The field points to a rewritten signature dictionary: another reason, the old CMS."""
    for reference, field in _signatures(writer)[-1:]:
        old = field["/V"]
        copy = generic.DictionaryObject({key: old.raw_get(key) for key in old if key != "/Contents"})
        # Its /Contents is never encrypted (ISO 32000-2, 7.6.2), and a writer would do that to a copy.
        if writer.prev.encrypted:
            return False
        copy["/Contents"] = old.raw_get("/Contents")
        copy["/Reason"] = generic.pdf_string("Lain")
        field["/V"] = writer.add_object(copy)
        writer.mark_update(reference)
        return True
    return False


def _clear_signature(writer: Revision, random: Random) -> bool:
    """A field that was signed is empty again."""
    for reference, field in _signatures(writer)[-1:]:
        del field["/V"]
        writer.mark_update(reference)
        return True
    return False


def _attach_file(writer: Revision, random: Random) -> bool:
    embedded = writer.add_object(
        generic.StreamObject({_name("/Type"): _name("/EmbeddedFile")}, stream_data=b"isi lain")
    )
    specification = writer.add_object(
        generic.DictionaryObject(
            {
                _name("/Type"): _name("/Filespec"),
                _name("/F"): generic.pdf_string("lain.txt"),
                _name("/EF"): generic.DictionaryObject({_name("/F"): embedded}),
            }
        )
    )
    names = generic.ArrayObject([generic.pdf_string("lain.txt"), specification])
    writer.root["/Names"] = generic.DictionaryObject(
        {_name("/EmbeddedFiles"): generic.DictionaryObject({_name("/Names"): names})}
    )
    writer.update_root()
    return True


def _move_signature(writer: Revision, random: Random) -> bool:
    """A visible signature stands elsewhere, over other text."""
    for reference, field in _signatures(writer):
        if "/Rect" not in field:
            continue
        x1, y1, x2, y2 = map(float, _values(field["/Rect"]))
        if x2 > x1 and y2 > y1:
            field["/Rect"] = _numbers(x1 - 200, y1 + 20, x2 - 200, y2 + 20)
            writer.mark_update(reference)
            return True
    return False


# Name, the property that is broken, and how.
CHANGES: tuple[tuple[str, str, Change], ...] = (
    ("replace-content", "a page shows what was signed (other /Contents)", _replace_content),
    ("edit-content-stream", "a page shows what was signed (same object, other stream)", _edit_content_stream),
    ("cover-with-annotation", "no annotation hides what was signed", _cover_with_annotation),
    ("cover-with-field", "no field hides what was signed", _cover_with_field),
    ("sneaky-signature-field", "no signature field hides what was signed", _sneaky_signature_field),
    ("replace-kids", "the pages are the signed ones (/Kids)", _replace_kids),
    ("other-page-tree", "the pages are the signed ones (/Pages)", _other_catalogue),
    ("rotate", "a page stands as it was signed", _rotate),
    ("crop", "nothing of a page is cut off", _crop),
    ("other-font", "text is shown with the signed glyphs", _other_font),
    ("open-action", "the file does nothing when opened", _open_action),
    ("appearance-behind-value", "a field shows its value", _appearance_behind_value),
    ("fill-against-rules", "fields change only where the rules allow it", _fill_against_rules),
    ("annotate-against-rules", "annotations come only where the rules allow it", _annotate_against_rules),
    ("loosen-certification", "the certification is the signed one", _loosen_certification),
    ("join-with-annotation", "no annotation reads as signed words", _join_with_annotation),
    ("watermark", "what is added is known for a note", _watermark),
    ("speak-otherwise", "a screen reader says what was signed", _speak_otherwise),
    ("switch-off-layer", "every layer is seen", _optional_content),
    ("draw-fields-anew", "fields look as they were signed", _draw_fields_anew),
    ("inherited-box", "pages inherit what was signed", _inherited_box),
    ("remove-certification", "the catalogue names the certification", _remove_certification),
    ("swap-signature", "the signature dictionary is the signed one", _swap_signature),
    ("clear-signature", "a signed field stays signed", _clear_signature),
    ("attach-file", "the attachments are the signed ones", _attach_file),
    ("move-signature", "a signature stands where it was put", _move_signature),
)

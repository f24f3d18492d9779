"""Later revisions that change what the catalogue leads to: scripts, names, attachments, layers, the form."""

from __future__ import annotations

from random import Random

from pyhanko.pdf_utils import generic

from tests.interop import updates
from tests.interop.updates import Change, Revision

_name = updates._name
_string = generic.pdf_string


def _dictionary(**entries: generic.PdfObject) -> generic.DictionaryObject:
    return generic.DictionaryObject({_name(f"/{key}"): value for key, value in entries.items()})


def _script() -> generic.DictionaryObject:
    return _dictionary(S=_name("/JavaScript"), JS=_string("app.alert('x')"))


def _names(writer: Revision, tree: str, value: generic.PdfObject) -> bool:
    listed = _dictionary(Names=generic.ArrayObject([_string("a"), writer.add_object(value)]))
    names = updates._value(writer.root, "/Names")
    kept = {key: names.raw_get(key) for key in names} if names is not None else {}
    writer.root["/Names"] = generic.DictionaryObject({**kept, _name(tree): listed})
    writer.update_root()
    return True


def _document_script(writer: Revision, random: Random) -> bool:
    return _names(writer, "/JavaScript", _script())


def _destinations(writer: Revision, random: Random) -> bool:
    """Where named links lead to."""
    _, page = updates._page(writer)
    return _names(writer, "/Dests", generic.ArrayObject([page, _name("/Fit")]))


def _embedded_files(writer: Revision, random: Random) -> bool:
    stream = generic.StreamObject({_name("/Type"): _name("/EmbeddedFile")}, stream_data=b"lain")
    embedded = _dictionary(F=writer.add_object(stream))
    return _names(writer, "/EmbeddedFiles", _dictionary(Type=_name("/Filespec"), F=_string("a"), EF=embedded))


def _catalogue_entry(writer: Revision, random: Random) -> bool:
    """Something that programs show, do or say for the whole file."""
    outline = _dictionary(Title=_string("Jumlah: Rp 9.500.000"))
    entries: dict[str, generic.PdfObject] = {
        "/AA": _dictionary(WP=_script()),
        "/OpenAction": generic.ArrayObject(
            [updates._page(writer)[1], _name("/FitR"), *updates._numbers(0, 0, 9, 9)]
        ),
        "/Outlines": _dictionary(First=outline, Last=outline, Count=generic.NumberObject(1)),
        "/PageLabels": _dictionary(
            Nums=generic.ArrayObject([generic.NumberObject(0), _dictionary(P=_string("Lampiran "))])
        ),
        "/PageMode": _name("/FullScreen"),
        "/PageLayout": _name("/TwoColumnLeft"),
        "/ViewerPreferences": _dictionary(Direction=_name("/R2L"), HideToolbar=generic.BooleanObject(True)),
        "/Collection": _dictionary(View=_name("/D")),
        "/URI": _dictionary(Base=_string("http://lain.example/")),
        "/Lang": _string("xx"),
        "/AF": generic.ArrayObject([_dictionary(Type=_name("/Filespec"), F=_string("a"))]),
        "/Dests": _dictionary(a=generic.ArrayObject([updates._page(writer)[1], _name("/Fit")])),
        "/NeedsRendering": generic.BooleanObject(True),
        "/Requirements": generic.ArrayObject([_dictionary(S=_name("/EnableJavaScripts"))]),
        "/OutputIntents": generic.ArrayObject([_dictionary(S=_name("/GTS_PDFA1"))]),
    }
    key = random.choice(sorted(entries))
    writer.root[key] = entries[key]
    writer.update_root()
    return True


def _form_entry(writer: Revision, random: Random) -> bool:
    """The form's own entries: XFA over it, an order of calculation, looks to be made anew."""
    if "/AcroForm" not in writer.root:
        return False
    form = writer.root["/AcroForm"]
    entries: dict[str, generic.PdfObject] = {
        "/XFA": writer.add_object(generic.StreamObject(stream_data=b"<xdp:xdp/>")),
        "/CO": generic.ArrayObject(updates._references(form["/Fields"])[:1]),
        "/NeedAppearances": generic.BooleanObject(True),
    }
    key = random.choice(sorted(entries))
    form[key] = entries[key]
    updates._mark_form(writer)
    return True


def _page_entry(writer: Revision, random: Random) -> bool:
    """Something that changes how the page is drawn, scaled, acts or moves on."""
    page, reference = updates._page(writer)
    entries: dict[str, generic.PdfObject] = {
        "/UserUnit": generic.NumberObject(2),
        "/AA": _dictionary(O=_script()),
        "/Trans": _dictionary(S=_name("/Fly")),
        "/Dur": generic.NumberObject(1),
        "/Group": _dictionary(
            S=_name("/Transparency"), CS=_name("/DeviceCMYK"), K=generic.BooleanObject(True)
        ),
        "/MediaBox": updates._numbers(0, 0, 595, random.randrange(300, 700)),
        "/Resources": _dictionary(Font=_dictionary()),
        "/BleedBox": updates._numbers(0, 0, 10, 10),
        "/VP": generic.ArrayObject([_dictionary(BBox=updates._numbers(0, 0, 99, 99))]),
        "/PresSteps": _dictionary(NA=_script()),
    }
    key = random.choice(sorted(entries))
    page[key] = entries[key]
    writer.mark_update(reference)
    return True


def _shared_resources(writer: Revision, random: Random) -> bool:
    """Every font of the page is another one, by the dictionary that lists them."""
    page, reference = updates._page(writer)
    resources = updates._value(page, "/Resources")
    if resources is None or "/Font" not in resources:
        return False
    font = writer.add_object(
        _dictionary(Type=_name("/Font"), Subtype=_name("/Type1"), BaseFont=_name("/Symbol"))
    )
    kept = {key: resources.raw_get(key) for key in resources}
    fonts = generic.DictionaryObject(dict.fromkeys(resources["/Font"], font))
    page["/Resources"] = generic.DictionaryObject({**kept, _name("/Font"): fonts})
    writer.mark_update(reference)
    return True


CHANGES: tuple[tuple[str, str, Change], ...] = (
    ("document-script", "the file runs no script that was not signed", _document_script),
    ("destinations", "links lead where they led", _destinations),
    ("embedded-files", "the list of attachments is the signed one", _embedded_files),
    ("catalogue-entry", "the catalogue is the signed one", _catalogue_entry),
    ("form-entry", "the form is drawn and reckoned as it was signed", _form_entry),
    ("page-entry", "a page is drawn and acts as it was signed", _page_entry),
    ("other-fonts-listed", "a page's resources are the signed ones", _shared_resources),
)

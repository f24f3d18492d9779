"""The files that get signed: written by Typst, by LibreOffice and by hand, and rewritten by other tools."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import typst

_HERE = Path(__file__).parent / "bases"

_CONTENT = b"BT /F1 18 Tf 72 760 Td (Formulir Uji 503/030/UJI/2026) Tj 0 -40 Td (Jumlah: Rp 3.500.000) Tj ET"
_FIELD_APPEARANCE = (
    b"<< /Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /Helv 5 0 R >> >> >>"
)


def make(folder: Path) -> dict[str, Path]:
    """Write every base that the tools of this machine allow; name to path."""
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Path] = {}

    def keep(name: str, content: bytes) -> None:
        made[name] = folder / f"{name}.pdf"
        made[name].write_bytes(content)

    keep(
        "permit",
        typst.compile((_HERE / "permit.typ").read_bytes(), pdf_standards=["a-3a"], ignore_system_fonts=True),
    )
    keep("letter", (_HERE / "letter.pdf").read_bytes())  # by the command in docs/interop.md
    keep("form", _form())
    keep("rich-form", _rich_form())
    keep("two-revisions", _revised(_form()))
    keep("hybrid", _hybrid())
    keep("old", _form().replace(b"%PDF-1.7", b"%PDF-1.3"))
    keep("loose", _loose())
    for name, (base, rewrite) in _REWRITES.items():
        if shutil.which(rewrite(Path("in"), Path("out"))[0]) is None:
            continue
        target = folder / f"{name}.pdf"
        done = subprocess.run(rewrite(made[base], target), capture_output=True, check=False)
        if done.returncode not in (0, 3):  # qpdf answers 3 for warnings
            raise RuntimeError(f"{name}: {done.stderr.decode(errors='replace')}")
        made[name] = target
    return made


def numbered(
    objects: list[bytes], *, trailer: bytes = b"", header: bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
) -> bytes:
    """A file of these objects, numbered from 1, the first being the catalogue, with a table of references."""
    out = bytearray(header)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /ID [<%s><%s>] %s >>\n" % (
        len(objects) + 1, b"11" * 16, b"22" * 16, trailer,
    )  # fmt: skip
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def _form_objects() -> list[bytes]:
    appearance = _FIELD_APPEARANCE[3:-3]
    return [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R 7 0 R 8 0 R] /DA (/Helv 0 Tf 0 g) "
        b"/DR << /Font << /Helv 5 0 R >> >> >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R 7 0 R 8 0 R] "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        stream(_CONTENT),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (catatan) /Rect [72 600 272 620] /P 3 0 R /F 4 "
        b"/DA (/Helv 11 Tf 0 g) /V (-) /AP << /N 9 0 R >> /MK << >> >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (tempat) /Rect [72 560 272 580] /P 3 0 R /F 4 "
        b"/DA (/Helv 11 Tf 0 g) /V (Contoh) /AP << /N 10 0 R >> /MK << >> >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Btn /T (setuju) /Rect [72 520 92 540] /P 3 0 R /F 4 "
        b"/V /Off /AS /Off /AP << /N << /Ya 11 0 R /Off 12 0 R >> >> >>",
        stream(b"/Tx BMC q BT /Helv 11 Tf 2 5 Td (-) Tj ET Q EMC", appearance),
        stream(b"/Tx BMC q BT /Helv 11 Tf 2 5 Td (Contoh) Tj ET Q EMC", appearance),
        stream(b"0 0 m 20 20 l S", b"/Type /XObject /Subtype /Form /BBox [0 0 20 20]"),
        stream(b"0 0 20 20 re S", b"/Type /XObject /Subtype /Form /BBox [0 0 20 20]"),
    ]


def _form() -> bytes:
    return numbered(_form_objects())


# Of the text fields and choices below, in their order.
_SIZES = ((200, 20), (100, 20), (100, 20), (100, 20), (328, 60), (128, 50), (328, 20))


def _rich_form() -> bytes:
    """Every kind of field: choices, radio buttons, a tree of names, one field shown twice, several lines."""
    look = b"/Type /XObject /Subtype /Form /BBox [0 0 %d %d] /Resources << /Font << /Helv 5 0 R >> >>"
    widget = b"/Type /Annot /Subtype /Widget /P 3 0 R /F 4 /DA (/Helv 11 Tf 0 g) "
    names = b"[6 0 R 9 0 R 12 0 R 15 0 R 16 0 R 17 0 R]"
    shown = b"[7 0 R 8 0 R 10 0 R 11 0 R 13 0 R 14 0 R 15 0 R 16 0 R 17 0 R]"
    button = widget + b"/AS /Off /AP << /N << /%s 25 0 R /Off 26 0 R >> >> "
    return numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields %s /DA (/Helv 0 Tf 0 g) "
            b"/DR << /Font << /Helv 5 0 R >> >> >> >>" % names,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots %s "
            b"/Resources << /Font << /F1 5 0 R >> >> >>" % shown,
            stream(_CONTENT),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            # Radio buttons: one field, a widget for each choice.
            b"<< /FT /Btn /Ff 49152 /T (jenis) /V /Off /Kids [7 0 R 8 0 R] >>",
            b"<< %s /Parent 6 0 R /Rect [72 640 92 660] >>" % (button % b"satu"),
            b"<< %s /Parent 6 0 R /Rect [112 640 132 660] >>" % (button % b"dua"),
            # A tree: alamat.jalan and alamat.kota.
            b"<< /T (alamat) /Kids [10 0 R 11 0 R] >>",
            b"<< %s /FT /Tx /T (jalan) /Parent 9 0 R /Rect [72 600 272 620] /AP << /N 18 0 R >> >>" % widget,
            b"<< %s /FT /Ch /Ff 131072 /T (kota) /Parent 9 0 R /Rect [300 600 400 620] /V (Metro) "
            b"/Opt [(Metro) (Sragen) (Tuban)] /AP << /N 19 0 R >> >>" % widget,
            # One field that is shown twice.
            b"<< /FT /Tx /T (nomor) /DA (/Helv 11 Tf 0 g) /Kids [13 0 R 14 0 R] >>",
            b"<< %s /Parent 12 0 R /Rect [72 560 172 580] /AP << /N 20 0 R >> >>" % widget,
            b"<< %s /Parent 12 0 R /Rect [300 560 400 580] /AP << /N 21 0 R >> >>" % widget,
            b"<< %s /FT /Tx /Ff 4096 /T (uraian) /Rect [72 480 400 540] /AP << /N 22 0 R >> >>" % widget,
            b"<< %s /FT /Ch /Ff 2097152 /T (layanan) /Rect [72 420 200 470] /Opt [(KK) (KIA) (SIP)] "
            b"/AP << /N 23 0 R >> >>" % widget,
            b"<< %s /FT /Tx /Ff 16777216 /MaxLen 16 /T (nik) /Rect [72 380 400 400] /AP << /N 24 0 R >> >>"
            % widget,
            *(stream(b"/Tx BMC EMC", look % size) for size in _SIZES),
            stream(b"0 0 m 20 20 l S", look % (20, 20)),
            stream(b"0 0 20 20 re S", look % (20, 20)),
        ]
    )


def _revised(base: bytes) -> bytes:
    """One incremental update before any signature, as many office programs leave it."""
    previous = int(base.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    out = bytearray(base)
    offset = len(out)
    out += b"4 0 obj\n%s\nendobj\n" % stream(_CONTENT.replace(b"3.500.000", b"4.500.000"))
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n4 1\n%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size 13 /Root 1 0 R /Prev %d /ID [<%s><%s>] >>\n" % (
        previous,
        b"11" * 16,
        b"33" * 16,
    )
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _hybrid() -> bytes:
    """ISO 32000-2, 7.5.8.4: a table for old readers, /XRefStm with the compressed objects for new ones."""
    objects = _form_objects()
    packed = {10: objects[9], 5: objects[4]}  # only what is no stream may be packed: the font
    packed = {number: body for number, body in packed.items() if b"stream" not in body}
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    offsets: dict[int, int] = {}
    for number, body in enumerate(objects, 1):
        if number not in packed:
            offsets[number] = len(out)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    container = len(objects) + 1
    head, bodies = b"", b""
    for number, body in packed.items():
        head += b"%d %d " % (number, len(bodies))
        bodies += body + b" "
    offsets[container] = len(out)
    packed_stream = stream(
        zlib.compress(head + bodies),
        b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(packed), len(head)),
    )
    out += b"%d 0 obj\n%s\nendobj\n" % (container, packed_stream)
    references = container + 1
    offsets[references] = len(out)
    rows = b"".join(
        b"\x02" + container.to_bytes(4, "big") + index.to_bytes(2, "big") for index in range(len(packed))
    )
    index = b" ".join(b"%d 1" % number for number in packed)
    size = references + 1
    out += b"%d 0 obj\n%s\nendobj\n" % (
        references,
        stream(rows, b"/Type /XRef /W [1 4 2] /Index [%s] /Size %d /Root 1 0 R" % (index, size)),
    )
    start = len(out)
    out += b"xref\n0 %d\n" % size
    free = sorted(packed)
    chain = {number: (free[i + 1] if i + 1 < len(free) else 0) for i, number in enumerate(free)}
    out += b"%010d 65535 f \n" % free[0]
    for number in range(1, size):
        out += (
            b"%010d 00000 n \n" % offsets[number]
            if number in offsets
            else b"%010d 00000 f \n" % chain[number]
        )
    out += b"trailer\n<< /Size %d /Root 1 0 R /XRefStm %d /ID [<%s><%s>] >>\n" % (
        size, offsets[references], b"11" * 16, b"22" * 16,
    )  # fmt: skip
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _loose() -> bytes:
    """Legal but unusual: comments, odd white space, escaped names, an indirect /Length, inheritance."""
    return numbered(
        [
            b"<</Type/Cat#61log/Pages 2 0 R%comment\n/PageLayout/SinglePage>>",
            b"<<\r/Type/Pages\r/Kids[3 0 R]/Count 1/MediaBox[0 0 595.28 841.89]"
            b"/Resources<</Font<</F1 5 0 R>>>>>>",
            b"<</Type/Page/Parent 2 0 R/Contents[4 0 R 7 0 R]>>",
            b"<</Length 6 0 R>>stream\r\n" + _CONTENT + b"\r\nendstream",
            b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
            b"%d" % len(_CONTENT),
            stream(zlib.compress(b"q 0.5 w 72 700 m 500 700 l S Q"), b"/Filter[/FlateDecode]"),
        ],
        trailer=b"/Info<</Title(Uji \\(longgar\\))/Producer<FEFF0055006A0069>>>",
    )


def _qpdf(*options: str) -> Callable[[Path, Path], list[str]]:
    return lambda source, target: ["qpdf", "--deterministic-id", *options, str(source), str(target)]


def _qpdf_encrypted(bits: str, *options: str) -> Callable[[Path, Path], list[str]]:
    return lambda source, target: [
        "qpdf", "--allow-weak-crypto", "--encrypt", "", "pemilik", bits, *options, "--",
        str(source), str(target),
    ]  # fmt: skip


def _mutool(*options: str) -> Callable[[Path, Path], list[str]]:
    return lambda source, target: ["mutool", "clean", *options, str(source), str(target)]


def _ghostscript(source: Path, target: Path) -> list[str]:
    return [
        "gs",
        "-q",
        "-dBATCH",
        "-dNOPAUSE",
        "-dSAFER",
        "-sDEVICE=pdfwrite",
        f"-sOutputFile={target}",
        str(source),
    ]


# Name of the result: the base and how it is rewritten before it is signed.
_REWRITES: dict[str, tuple[str, Callable[[Path, Path], list[str]]]] = {
    "permit-linearized": ("permit", _qpdf("--linearize")),
    "form-linearized": ("form", _qpdf("--linearize", "--object-streams=generate")),
    "permit-objstm": ("permit", _qpdf("--object-streams=generate")),
    "form-objstm": ("form", _qpdf("--object-streams=generate")),
    "letter-qdf": ("letter", _qpdf("--qdf")),
    "permit-table": ("permit", _qpdf("--object-streams=disable")),
    "permit-rc4-40": ("permit", _qpdf_encrypted("40")),
    "form-rc4-128": ("form", _qpdf_encrypted("128", "--use-aes=n")),
    "letter-aes-128": ("letter", _qpdf_encrypted("128", "--use-aes=y")),
    "form-aes-256": ("form", _qpdf_encrypted("256")),
    "letter-aes-256-clear-metadata": ("letter", _qpdf_encrypted("256", "--cleartext-metadata")),
    "permit-mutool": ("permit", _mutool("-gggg", "-z")),
    "form-mutool": ("form", _mutool("-gggg", "-d", "-a")),
    "letter-mutool": ("letter", _mutool("-g")),
    "letter-ghostscript": ("letter", _ghostscript),
    "permit-ghostscript": ("permit", _ghostscript),
}

"""What every tool is asked to make: one recipe per file, in the small language that all producers read.

A step is a verb with settings: ``sign field=Pertama key=p256 level=T visible``. The verbs are ``sign``,
``stamp`` (a document time-stamp), ``extend``, ``renew`` (archive time-stamps), ``fill``, ``annotate``,
``field`` (an empty signature field), ``save`` and ``encrypt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Recipe:
    """One genuine file: which ``tool`` makes it from which ``base``, by which steps."""

    tool: str
    base: str
    steps: tuple[str, ...]
    number: int

    @property
    def name(self) -> str:
        verbs = "-".join(step.split()[0] for step in self.steps)
        return f"{self.tool}-{self.number:03d}-{verbs}-{self.base}.pdf"

    @property
    def signatures(self) -> int:
        return sum(step.split()[0] == "sign" for step in self.steps)

    @property
    def document_timestamps(self) -> int:
        """At least so many: a renewal may add one or extend what is there."""
        return sum(
            step.split()[0] in ("stamp", "renew") or "level=LTA" in step.split() for step in self.steps
        )

    @property
    def features(self) -> tuple[str, ...]:
        """What the table of tools counts: each verb and each setting that is not a mere name or place."""
        found: list[str] = []
        for step in self.steps:
            verb, *settings = step.split()
            shown = [each for each in settings if each.partition("=")[0] not in {"field", "value", "y", "x"}]
            found += [f"{verb} {each}" for each in shown] or [verb]
            if "field=setuju" in settings:
                found.append("fill a check box")
        if self.signatures > 1:
            found.append("several signatures")
        return tuple(dict.fromkeys(found))


def all_recipes() -> list[Recipe]:
    """Every recipe, in an order and under names that stay the same."""
    numbers = {tool: count(1) for tool in _TABLES}
    return [
        Recipe(tool, base, steps, next(numbers[tool]))
        for tool, table in _TABLES.items()
        for base, steps in table
    ]


_Rows = list[tuple[str, tuple[str, ...]]]

_ALL_BASES = (
    "permit", "letter", "form", "two-revisions", "hybrid", "old", "loose", "permit-linearized",
    "form-linearized", "permit-objstm", "form-objstm", "letter-qdf", "permit-table", "permit-rc4-40",
    "form-rc4-128", "letter-aes-128", "form-aes-256", "letter-aes-256-clear-metadata", "permit-mutool",
    "form-mutool", "letter-mutool", "letter-ghostscript", "permit-ghostscript",
)  # fmt: skip
_PLAIN = ("permit", "letter", "form", "form-objstm", "letter-ghostscript")
_OPEN = tuple(base for base in _ALL_BASES if "-rc4" not in base and "-aes" not in base)


_FILLS = tuple(
    f"fill field={field} value={value}"
    for field, value in (
        ("jenis", "dua"),
        ("alamat.jalan", "Merdeka"),
        ("alamat.kota", "Tuban"),
        ("nomor", "12"),
        ("uraian", "Panjang"),
        ("layanan", "KIA"),
        ("nik", "3500"),
    )
)
_RICH: _Rows = [
    ("rich-form", ("sign", *_FILLS)),
    ("rich-form", ("sign certify=2", *_FILLS[:3], "sign key=p256")),
]


def _dss() -> _Rows:
    rows: _Rows = []
    for level in ("B", "T", "LT", "LTA"):
        rows += [(base, (f"sign level={level}",)) for base in ("permit", "letter", "form-objstm")]
    rows += [(base, ("sign level=T",)) for base in _OPEN if base not in ("permit", "letter", "form-objstm")]
    rows += [("form", (f"sign key={key}",)) for key in ("rsa3072", "p256", "p384", "p521", "brainpool256")]
    rows += [
        ("form", ("sign digest=SHA-384",)),
        ("form", ("sign digest=SHA-512",)),
        ("form", ("sign digest=SHA3-256",)),
        ("form", ("sign pss",)),
        ("form", ("sign pss digest=SHA-512",)),
        ("form", ("sign key=p256 plain",)),
        ("form", ("sign key=ed25519 digest=SHA-512",)),
        ("form", ("sign key=dsa2048",)),
        ("form", ("sign sub=pkcs7",)),
        ("form", ("sign level=LT ocsp",)),
        ("form", ("sign level=LTA vri",)),
        ("form", ("sign visible field=Tampak",)),
        ("form", ("sign visible field=Tampak level=LTA",)),
        ("permit", ("sign field=Pertama visible", "sign field=Kedua visible y=600 key=p256")),
        ("permit", ("sign level=LTA", "sign level=LTA key=p256")),
        ("form", ("sign level=T", "sign level=T key=p384", "sign level=B key=rsa3072")),
        ("form", ("sign level=B", "extend level=T")),
        ("form", ("sign level=B", "extend level=LT")),
        ("form", ("sign level=T", "extend level=LTA")),
        ("permit", ("sign level=LTA", "extend level=LTA")),
        ("permit", ("sign level=LTA", "extend level=LTA", "extend level=LTA vri")),
        ("form", ("sign", "stamp")),
        ("permit", ("stamp",)),
        ("permit", ("stamp", "stamp")),
        ("letter", ("field field=Kosong", "sign field=Kosong")),
        (
            "letter",
            ("field field=Satu y=700", "field field=Dua y=600", "sign field=Satu", "sign field=Dua key=p256"),
        ),
    ]
    for allowed in (1, 2, 3):
        rows += [("permit", (f"sign certify={allowed}",))]
    rows += [
        ("form", ("sign certify=2 level=LTA",)),
        ("form", ("sign certify=2", "sign key=p256")),
        ("form", ("sign certify=3", "sign key=p256", "stamp")),
    ]
    return rows


def _pdfbox() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in _ALL_BASES]
    rows += [("form", (f"sign key={key}",)) for key in ("rsa3072", "p256", "p384", "p521", "brainpool256")]
    rows += [
        ("form", ("sign key=ed25519",)),
        ("form", ("sign key=ed448",)),
        ("form", ("sign key=dsa2048",)),
        ("form", ("sign key=p256 plain",)),
        ("form", ("sign pss",)),
        ("form", ("sign digest=SHA-1",)),
        ("form", ("sign digest=SHA-384",)),
        ("form", ("sign digest=SHA-512",)),
        ("form", ("sign digest=SHA3-256",)),
        ("form", ("sign bare",)),
        ("form", ("sign bare key=p256",)),
        ("form", ("sign der",)),
        ("form", ("sign reversed",)),
        ("form", ("sign sub=sha1",)),
        ("form", ("sign sub=cades",)),
        ("form", ("sign sub=cades level=T",)),
        ("permit", ("sign level=T",)),
        ("permit", ("sign", "sign key=p256")),
        ("permit-table", ("sign", "sign key=p256", "sign key=rsa3072")),
        ("form", ("sign visible field=Satu", "sign visible field=Dua y=600 key=p256")),
        ("permit", ("sign visible",)),
        ("form", ("sign", "fill field=catatan value=Lengkap")),
        ("form", ("sign", "fill field=catatan value=Lengkap", "sign key=p256")),
        ("form", ("sign", "fill field=setuju value=Ya")),
        ("form-objstm", ("sign", "fill field=tempat value=Baru")),
        ("form", ("sign certify=2", "fill field=catatan value=Lengkap")),
        ("form", ("sign certify=3", "fill field=catatan value=Lengkap", "annotate")),
        ("form", ("sign certify=3", "annotate")),
        ("form", ("sign certify=1",)),
        ("form", ("sign certify=1 visible",)),
        ("form", ("sign certify=2", "sign key=p256")),
        ("letter", ("stamp",)),
        ("form", ("sign", "stamp")),
        ("letter", ("save xref=stream", "sign")),
        ("letter", ("save xref=table", "sign")),
        ("form", ("save xref=stream", "sign", "sign key=p256")),
        ("letter", ("encrypt bits=40 rc4", "sign")),
        ("letter", ("encrypt bits=128 rc4", "sign")),
        ("letter", ("encrypt bits=128", "sign")),
        ("letter", ("encrypt bits=256", "sign", "sign key=p256")),
        ("form", ("encrypt bits=256", "sign", "fill field=catatan value=Lengkap")),
    ]
    return [*rows, *_RICH]


def _openpdf() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in _PLAIN]
    rows += [
        ("form", ("sign rewrite",)),
        ("permit-linearized", ("sign rewrite",)),
        ("two-revisions", ("sign rewrite",)),
        ("form", ("sign sub=x509",)),
        ("form", ("sign sub=x509 rewrite",)),
        ("form", ("sign sub=x509 visible",)),
        ("form", ("sign sub=sha1",)),
        ("permit", ("sign sub=sha1 rewrite",)),
        ("form", ("sign sub=sha1 visible",)),
        ("form", ("sign sub=cades",)),
        ("form", ("sign level=T",)),
        ("form", ("sign key=p256",)),
        ("form", ("sign pss",)),
        ("permit", ("sign visible",)),
        ("form", ("sign visible", "sign field=Kedua visible y=560 key=p256")),
        ("form", ("sign", "sign key=rsa3072", "sign key=p256")),
        ("form", ("sign", "fill field=catatan value=Lengkap")),
        ("form", ("sign sub=x509", "fill field=catatan value=Lengkap")),
        ("form", ("sign certify=2", "fill field=tempat value=Baru")),
        ("form", ("sign certify=1",)),
        ("form", ("sign certify=2", "sign key=p256")),
        ("form", ("sign certify=3", "sign key=p256")),
        ("letter", ("save full", "sign")),
        ("form", ("save full", "sign rewrite", "sign key=p256")),
        ("letter", ("encrypt bits=40", "sign")),
        ("letter", ("encrypt bits=128", "sign")),
        ("letter", ("encrypt bits=128 rc4", "sign rewrite")),
    ]
    return [*rows, *_RICH]


def _itext() -> _Rows:
    rows: _Rows = []
    for level in ("B", "T", "LT", "LTA"):
        rows += [(base, (f"sign pades level={level}",)) for base in ("permit", "form-objstm")]
    rows += [(base, ("sign",)) for base in _OPEN if base not in ("permit",)]
    rows += [("form", (f"sign sub=cades key={key}",)) for key in ("rsa3072", "p256", "p384", "p521")]
    rows += [
        ("form", ("sign sub=cades key=brainpool256",)),
        ("form", ("sign sub=cades key=ed25519 digest=SHA-512",)),
        ("form", ("sign key=ed448 digest=SHAKE256",)),
        ("form", ("sign key=dsa2048",)),
        ("form", ("sign pss",)),
        ("form", ("sign digest=SHA-384",)),
        ("form", ("sign digest=SHA-512",)),
        ("form", ("sign digest=SHA-1",)),
        ("form", ("sign digest=SHA3-256",)),
        ("form", ("sign crls",)),
        ("form", ("sign level=T",)),
        ("form", ("sign sub=cades level=T",)),
        ("form", ("sign rewrite",)),
        ("form", ("sign visible field=Tampak",)),
        ("form", ("sign", "sign key=p256", "sign key=rsa3072")),
        ("permit", ("sign pades level=LTA", "sign pades level=LTA key=p256")),
        ("permit", ("sign pades level=LTA", "renew")),
        ("permit", ("sign pades level=LTA", "renew", "renew")),
        ("letter", ("stamp",)),
        ("form", ("sign", "stamp", "stamp")),
        ("form", ("sign", "fill field=catatan value=Lengkap")),
        ("form", ("sign", "fill field=setuju value=Ya")),
        ("form", ("sign certify=2", "fill field=catatan value=Lengkap")),
        ("form", ("sign certify=2", "fill field=catatan value=Lengkap", "sign key=p256")),
        ("form", ("sign certify=3", "annotate")),
        ("form", ("sign certify=1",)),
        ("form", ("sign field=Kunci lock=all",)),
        ("form", ("sign field=Kunci lock=include:tempat", "fill field=catatan value=Lengkap")),
        ("form", ("sign field=Kunci lock=exclude:catatan", "fill field=catatan value=Lengkap")),
        ("form", ("sign field=Kunci lock=exclude:catatan,Kedua", "sign field=Kedua key=p256")),
        ("letter", ("save full", "sign")),
        ("form", ("save full", "sign", "fill field=catatan value=Lengkap", "sign key=p256")),
        ("letter", ("encrypt bits=40", "sign")),
        ("letter", ("encrypt bits=128 rc4", "sign")),
        ("letter", ("encrypt bits=128", "sign")),
        ("letter", ("encrypt bits=256", "sign", "sign key=p256")),
        ("letter", ("encrypt bits=256 gcm", "sign")),
    ]
    return [*rows, *_RICH]


def _pyhanko() -> _Rows:
    rows: _Rows = []
    for level in ("B", "T", "LT", "LTA"):
        rows += [(base, (f"sign level={level}",)) for base in ("permit", "letter")]
    rows += [(base, ("sign sub=pkcs7",)) for base in _ALL_BASES]
    rows += [("form", (f"sign key={key}",)) for key in ("rsa3072", "p256", "p384", "p521", "brainpool256")]
    rows += [
        ("form", ("sign key=ed25519 digest=SHA-512",)),
        ("form", ("sign key=ed448 digest=SHAKE256",)),
        ("form", ("sign key=dsa2048",)),
        ("form", ("sign pss",)),
        ("form", ("sign digest=SHA-384",)),
        ("form", ("sign digest=SHA-512 sub=pkcs7",)),
        ("permit", ("sign", "sign key=p256", "sign key=p384")),
        ("permit", ("sign level=LTA", "sign level=LTA key=p256")),
        ("permit", ("sign visible field=Tampak",)),
        ("permit", ("stamp",)),
        ("permit", ("stamp", "stamp")),
        ("form", ("sign level=LTA", "renew")),
        ("form", ("sign level=LTA", "renew", "renew")),
        ("form-aes-256", ("sign level=LTA",)),
        ("form-aes-256", ("sign", "fill field=catatan value=Lengkap")),
        ("hybrid", ("sign level=LTA", "sign key=p256")),
        ("form", ("sign", "fill field=catatan value=Lengkap")),
        ("form", ("sign certify=2", "fill field=catatan value=Lengkap", "stamp")),
        ("form", ("sign certify=1",)),
        ("form", ("sign certify=2", "sign key=p256")),
        ("form", ("sign certify=3",)),
        ("form", ("field field=Satu lock=all", "sign field=Satu")),
        (
            "form",
            ("field field=Satu lock=include:tempat", "sign field=Satu", "fill field=catatan value=Lengkap"),
        ),
        (
            "form",
            ("field field=Satu lock=exclude:catatan", "sign field=Satu", "fill field=catatan value=Lengkap"),
        ),
        (
            "letter",
            ("field field=Satu y=700", "field field=Dua y=600", "sign field=Dua", "sign field=Satu key=p256"),
        ),
    ]
    return rows


def _signpdf() -> _Rows:
    return [
        ("letter-qdf", ("sign placeholder=plain",)),
        ("form", ("sign placeholder=plain",)),
        ("old", ("sign placeholder=plain",)),
        ("two-revisions", ("sign placeholder=plain",)),
        ("permit-table", ("sign placeholder=plain",)),
        ("form", ("sign placeholder=plain", "sign placeholder=plain key=rsa3072")),
        ("form", ("sign placeholder=plain sub=cades",)),
        ("permit", ("sign placeholder=pdf-lib",)),
        ("form", ("sign placeholder=pdf-lib",)),
        ("form", ("sign placeholder=pdf-lib",)),
        ("form-objstm", ("sign placeholder=pdf-lib",)),
        ("letter-ghostscript", ("sign placeholder=pdf-lib",)),
        ("form", ("sign placeholder=pdf-lib visible",)),
        ("form", ("sign placeholder=pdf-lib key=rsa3072",)),
        ("form", ("sign placeholder=pdf-lib", "sign placeholder=plain key=rsa3072")),
        ("letter-mutool", ("sign placeholder=node-signpdf",)),
        ("form", ("sign placeholder=node-signpdf",)),
    ]


def _endesive() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in ("permit", "letter", "form", "old", "letter-qdf")]
    rows += [
        ("form", ("sign level=T",)),
        ("form", ("sign digest=SHA-512",)),
        ("form", ("sign key=p256",)),
        ("form", ("sign visible",)),
        ("form", ("sign", "sign key=rsa3072")),
        ("form", ("sign certify=1",)),
        ("permit", ("stamp",)),
    ]
    return rows


def _pdfbox2() -> _Rows:
    rows: _Rows = [(base, ("sign", "sign key=p256")) for base in _ALL_BASES if base not in ("permit-objstm",)]
    rows += [
        (base, ("sign visible", "sign visible y=600 key=p256", "stamp")) for base in ("permit", "hybrid")
    ]
    rows += [
        (base, ("sign", "fill field=catatan value=Lengkap")) for base in ("form", "form-objstm", "hybrid")
    ]
    rows += [
        ("form", ("sign", "fill field=setuju value=Ya")),
        ("form", ("sign certify=2", "fill field=tempat value=Baru", "sign key=p256", "stamp")),
        ("form", ("sign certify=3", "annotate")),
        ("form-linearized", ("sign certify=2", "sign key=p256")),
        ("letter", ("sign sub=cades level=T", "stamp")),
        ("letter", ("save", "sign")),
        ("letter", ("encrypt bits=40", "sign", "sign key=p256")),
        ("letter", ("encrypt bits=128 rc4", "sign level=T", "stamp")),
        ("letter", ("encrypt bits=128", "sign")),
        ("form", ("encrypt bits=256", "sign", "sign key=p256")),
    ]
    return [*rows, *_RICH]


def _itext5() -> _Rows:
    # What it cannot decrypt (revision 6) is left out.
    bases = tuple(base for base in _ALL_BASES if "aes-256" not in base)
    rows: _Rows = [(base, ("sign", "sign key=p256")) for base in bases]
    rows += [
        ("form", ("sign rewrite",)),
        ("letter", ("sign rewrite visible",)),
        ("form", ("sign visible", "sign visible field=Kedua y=560 key=p256")),
        ("form", ("sign visible layers",)),
        ("form", ("sign deferred visible",)),
        ("form", ("sign sub=cades level=T",)),
        ("form", ("sign level=T crls", "extend")),
        ("permit", ("sign level=T", "extend", "stamp")),
        ("form", ("sign level=T", "extend", "stamp", "extend", "stamp")),
        ("form", ("sign certify=1", "extend", "stamp")),
        ("form", ("sign certify=2", "fill field=catatan value=Lengkap", "stamp")),
        ("form-objstm", ("sign", "fill field=setuju value=Ya")),
        ("hybrid", ("sign", "fill field=catatan value=Lengkap")),
        ("form", ("sign certify=3", "annotate")),
        (
            "letter",
            (
                "field field=Satu",
                "field field=Dua y=480",
                "sign existing field=Satu",
                "sign existing field=Dua",
            ),
        ),
        ("letter", ("encrypt bits=40", "sign")),
        ("letter", ("encrypt bits=128 rc4", "sign level=T", "stamp")),
        ("form", ("encrypt bits=128", "sign", "sign key=p256")),
        ("form", ("encrypt bits=256", "sign", "sign key=p256")),
    ]
    return [*rows, *_RICH]


def _zgapdf() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in ("permit", "letter", "form", "hybrid", "form-objstm", "old")]
    rows += [
        ("form", ("sign field=Satu", "sign field=Dua key=rsa3072")),
        ("permit-linearized", ("sign field=Satu visible", "sign field=Dua visible y=600 key=rsa3072")),
        ("letter", ("sign certify=1",)),
        ("form", ("sign certify=2", "sign field=Dua key=rsa3072")),
        ("form", ("sign certify=3",)),
    ]
    return rows


def _gopdfsign() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in _OPEN]
    rows += [("form", (f"sign key={key}",)) for key in ("rsa3072", "p256", "p384", "ed25519")]
    rows += [
        ("form", ("sign digest=SHA-384",)),
        ("form", ("sign digest=SHA-512",)),
        ("form", ("sign level=T",)),
        ("form", ("sign crls",)),
        ("form", ("sign visible",)),
        ("letter", ("sign certify=1",)),
        ("form", ("sign certify=2", "sign key=p256")),
        ("form", ("sign certify=3", "stamp")),
        ("permit", ("stamp",)),
        ("hybrid", ("sign visible", "sign visible y=500 key=p256", "stamp")),
        ("form-linearized", ("sign", "sign key=p256", "sign key=rsa3072")),
    ]
    return rows


def _poppler() -> _Rows:
    rows: _Rows = [(base, ("sign",)) for base in ("letter", "form", "permit-linearized", "form-aes-256")]
    rows += [
        ("form", ("sign", "sign key=rsa3072")),
        ("hybrid", ("sign", "sign key=rsa3072")),
        ("letter", ("field field=Satu y=700", "sign field=Satu")),
    ]
    return rows


def _mupdf() -> _Rows:
    bases = ("letter", "form", "permit", "hybrid", "form-objstm", "two-revisions", "letter-aes-128")
    return [(base, ("field field=Satu y=700", "sign")) for base in bases]


def _libreoffice() -> _Rows:
    return [("letter", ("sign",))]


_TABLES = {
    "dss": _dss(),
    "pdfbox": _pdfbox(),
    "openpdf": _openpdf(),
    "itext": _itext(),
    "pyhanko": _pyhanko(),
    "signpdf": _signpdf(),
    "endesive": _endesive(),
    "pdfbox2": _pdfbox2(),
    "itext5": _itext5(),
    "zgapdf": _zgapdf(),
    "gopdfsign": _gopdfsign(),
    "poppler": _poppler(),
    "mupdf": _mupdf(),
    "libreoffice": _libreoffice(),
}

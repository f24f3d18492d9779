"""The sentences of findings about what was changed after a signature; see `finding_words`."""

from __future__ import annotations

from typing import Literal

# code: (severity, sentence id, sentence en). Pages are counted from 1, boxes are PDF points.
TABLE: dict[str, tuple[Literal["error", "warning", "info"], str, str]] = {
    "CHANGE_PAGE": (
        "error",
        "Halaman {page}: isinya ({what}) diganti setelah tanda tangan {field}.",
        "Page {page}: what it shows ({what}) was replaced after signature {field}.",
    ),
    "CHANGE_PAGES": (
        "error",
        "Setelah tanda tangan {field} halaman ditambahkan, dihapus, atau ditukar.",
        "After signature {field} pages were added, removed or exchanged.",
    ),
    "CHANGE_OBJECT": (
        "error",
        "Halaman {page}: objek {object} diganti atau dihapus setelah tanda tangan {field}.",
        "Page {page}: object {object} was replaced or removed after signature {field}.",
    ),
    "CHANGE_CATALOG": (
        "error",
        "Setelah tanda tangan {field} susunan dokumen diubah ({what}).",
        "After signature {field} the document's set-up was changed ({what}).",
    ),
    "CHANGE_STRUCTURE": (
        "error",
        "Setelah tanda tangan {field} susunan yang dibacakan pembaca layar diubah (objek {object}).",
        "After signature {field} the structure that screen readers read was changed (object {object}).",
    ),
    "CHANGE_FIELD": (
        "error",
        "Halaman {page}: kolom “{name}” diubah setelah tanda tangan {field} secara tidak sah.",
        "Page {page}: field “{name}” was changed after signature {field} in a way not allowed.",
    ),
    "CHANGE_FIELD_ADDED": (
        "error",
        "Halaman {page}: kolom baru “{name}” ditambahkan setelah tanda tangan {field}.",
        "Page {page}: a new field “{name}” was added after signature {field}.",
    ),
    "CHANGE_FIELD_REMOVED": (
        "error",
        "Setelah tanda tangan {field} sebuah kolom formulir dihapus.",
        "After signature {field} a field of the form was removed.",
    ),
    "CHANGE_FIELD_LOCKED": (
        "error",
        "Halaman {page}: kolom “{name}” diisi, padahal tanda tangan {field} menguncinya.",
        "Page {page}: field “{name}” was filled in, although signature {field} locks it.",
    ),
    "CHANGE_AFTER_CERTIFICATION": (
        "error",
        "Tanda tangan {field} tidak mengizinkan perubahan apa pun, tetapi “{name}” ditambahkan sesudahnya.",
        "Signature {field} allows no change, but “{name}” was added after it.",
    ),
    "CHANGE_ANNOTATION_ADDED": (
        "error",
        "Halaman {page}: anotasi ({kind}) ditambahkan setelah tanda tangan {field} tanpa izin.",
        "Page {page}: an annotation ({kind}) was added after signature {field}, which is not allowed.",
    ),
    "CHANGE_ANNOTATION": (
        "error",
        "Halaman {page}: sebuah anotasi ({kind}) diubah setelah tanda tangan {field}.",
        "Page {page}: an annotation ({kind}) was changed after signature {field}.",
    ),
    "CHANGE_ANNOTATION_REMOVED": (
        "error",
        "Halaman {page}: sebuah anotasi dihapus setelah tanda tangan {field}.",
        "Page {page}: an annotation was removed after signature {field}.",
    ),
    "CONTENT_COVERED": (
        "error",
        "Halaman {page}: isinya ditutupi oleh “{name}” setelah tanda tangan {field} ({box}).",
        "Page {page}: signed content was covered by “{name}” after signature {field} ({box}).",
    ),
    "PAGE_NOT_DRAWN": (
        "error",
        "Halaman {page} tidak dapat digambar, jadi tidak diketahui apakah ada yang ditutupi.",
        "Page {page} cannot be drawn, so whether something is covered stays open.",
    ),
    "XREF_EMPTY": (
        "error",
        "Setelah tanda tangan {field} ditambahkan bagian yang tidak memuat apa pun.",
        "After signature {field} a part was added that holds nothing.",
    ),
    "XREF_REMAPPED": (
        "error",
        "Setelah tanda tangan {field} daftar isi file menunjuk objek {object} ke tempat lain.",
        "After signature {field} the file's table of contents leads object {object} somewhere else.",
    ),
    "XREF_MISLEADS": (
        "error",
        "Setelah tanda tangan {field} daftar isi file menyebut objek {object} di tempat objek lain berada.",
        "After signature {field} the file's table of contents names object {object} where another stands.",
    ),
    "FIELD_UNLISTED": (
        "warning",
        "Setelah tanda tangan {field} sebuah kolom tidak lagi didaftar; program lain mungkin melewatkannya.",
        "After signature {field} a field is no longer listed; other programs may not show it.",
    ),
    "CONTENT_JOINED": (
        "error",
        "Halaman {page}: setelah tanda tangan {field} ditambahkan {kind} yang terbaca menyatu dengan isinya.",
        "Page {page}: a {kind} was added after signature {field} that reads as part of what was signed.",
    ),
    "STRAY_OBJECTS": (
        "info",
        "Setelah tanda tangan {field} ditambahkan {count} objek yang tidak dipakai di mana pun.",
        "After signature {field}, {count} objects were added that nothing uses.",
    ),
    "FILE_REPAIRED": (
        "info",
        "Daftar isi file ini keliru dan dibaca dengan perbaikan; isinya tetap dinilai apa adanya.",
        "This file's table of contents is wrong and was read with repairs; its content is judged as it is.",
    ),
    "ANNOTATED": (
        "info",
        "Halaman {page}: catatan ditambahkan setelah tanda tangan {field}; dokumen mengizinkannya.",
        "Page {page}: a note was added after signature {field}, which the document allows.",
    ),
}

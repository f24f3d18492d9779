"""The sentences about input that is no signed PDF: what it is, and what to do instead."""

from __future__ import annotations

from typing import Literal

# code: (severity, sentence id, sentence en); beside NOT_PDF or FILE_NOT_READABLE, which give the reason.
TABLE: dict[str, tuple[Literal["error", "warning", "info"], str, str]] = {
    "FOLDER_WITHOUT_PDF": (
        "info",
        "Di folder ini dan di bawahnya tidak ada file .pdf.",
        "This folder, and what lies below it, has no .pdf file.",
    ),
    "INPUT_ZIP": (
        "info",
        "Ini arsip ZIP; ekstrak dahulu, lalu periksa PDF di dalamnya: {names}.",
        "This is a ZIP archive; extract it first, then check the PDFs in it: {names}.",
    ),
    "INPUT_ZIP_WITHOUT_PDF": (
        "info",
        "Ini arsip ZIP, dan di dalamnya tidak ada PDF yang dapat kami lihat.",
        "This is a ZIP archive, and we can see no PDF in it.",
    ),
    "INPUT_SIGNATURE_CONTAINER": (
        "info",
        "Ini wadah tanda tangan (ASiC), bukan PDF bertanda tangan; yang kami periksa hanya PDF.",
        "This is a signature container (ASiC), not a signed PDF; we check signatures inside PDFs only.",
    ),
    "INPUT_CMS_CONTAINER": (
        "info",
        "Ini wadah CMS (.p7m) yang membungkus file lain, bukan PDF bertanda tangan; minta PDF yang "
        "ditandatangani di dalamnya, atau periksa dengan perangkat lunak pembuatnya.",
        "This is a CMS container (.p7m) around another file, not a signed PDF; ask for a PDF that is signed "
        "inside, or check it with the software that made it.",
    ),
    "INPUT_CMS_DETACHED": (
        "info",
        "Ini tanda tangan CMS yang terpisah (.p7s), bukan PDF; dokumennya file lain, dan yang kami periksa "
        "hanya tanda tangan di dalam PDF.",
        "This is a detached CMS signature (.p7s), not a PDF; its document is another file, and we check "
        "signatures inside PDFs only.",
    ),
    "INPUT_CERTIFICATE": (
        "info",
        "Ini sertifikat, bukan dokumen; periksa PDF yang ditandatangani dengannya. Siapa yang dipercaya "
        "ditetapkan pengelola layanan (“absah trust add”).",
        "This is a certificate, not a document; check the PDF that was signed with it. Whom to trust is the "
        "operator's decision (“absah trust add”).",
    ),
    "INPUT_PICTURE": (
        "info",
        "Ini gambar {what}, yang tidak dapat kami baca; simpan sebagai JPEG atau PNG bila ada kode QR-nya, "
        "atau minta PDF asli.",
        "This is a {what} picture, which we cannot read; save it as JPEG or PNG if it shows a QR code, or "
        "ask for the original PDF.",
    ),
    "INPUT_OFFICE": (
        "info",
        "Ini dokumen {what}; mengubahnya menjadi PDF tidak memberinya tanda tangan, jadi minta PDF asli dari "
        "penerbitnya.",
        "This is a {what} document; turning it into a PDF gives it no signature, so ask its issuer for the "
        "original PDF.",
    ),
    "INPUT_WEB_PAGE": (
        "info",
        "Ini halaman web, mungkin halaman unduhan atau pesan galat yang tersimpan; unduh lagi PDF-nya.",
        "This is a web page, perhaps a saved download page or error message; download the PDF again.",
    ),
    "INPUT_MAIL": (
        "info",
        "Ini surat elektronik; simpan lampiran PDF-nya, lalu periksa lampiran itu.",
        "This is an e-mail; save its PDF attachment, then check that.",
    ),
    "INPUT_PIPE": (
        "info",
        "Ini pipa atau perangkat, bukan file; alirkan isinya dengan “absah verify -”.",
        "This is a pipe or device, not a file; pass its content with “absah verify -”.",
    ),
    "INPUT_NO_PERMISSION": (
        "info",
        "Anda tidak berhak membaca file ini; minta hak baca kepada pemiliknya.",
        "You may not read this file; ask its owner for the right to.",
    ),
    "INPUT_LINK_LOOP": (
        "info",
        "Tautan ini menunjuk ke dirinya sendiri; sebutkan file aslinya.",
        "This link leads back to itself; name the file that is meant.",
    ),
}

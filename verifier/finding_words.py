"""The sentence and the weight of every finding, in Indonesian and English.

``error`` says why the verdict is not better, ``warning`` asks for care, ``info`` explains.
"""

from __future__ import annotations

import re
from typing import Literal

from verifier.change_words import TABLE as _CHANGES
from verifier.input_words import TABLE as _INPUTS
from verifier.pdf_words import pdf_word
from verifier.picture_words import TABLE as _PICTURES

# code: (severity, sentence id, sentence en). Codes never change; sentences may be bettered.
_TABLE: dict[str, tuple[Literal["error", "warning", "info"], str, str]] = {
    # The file as such
    "EMPTY": ("error", "File ini kosong.", "The file is empty."),
    "NOT_PDF": (
        "error",
        "File ini bukan PDF; unggah PDF asli, bukan halaman web, ZIP, atau dokumen lain.",
        "This is not a PDF; upload the original PDF, not a web page, a ZIP or another document.",
    ),
    "DAMAGED": (
        "error",
        "PDF ini rusak atau terpotong, mungkin karena pengunduhan terputus; unduh lagi dari penerbitnya.",
        "This PDF is damaged or cut off, perhaps by an interrupted download; fetch it again from its issuer.",
    ),
    "LIMIT": (
        "error",
        "Memeriksa file ini melampaui batas waktu atau memori, jadi pemeriksaan dihentikan.",
        "Checking this file exceeded the limit of time or memory, so the check was stopped.",
    ),
    "PASSWORD_NEEDED": (
        "error",
        "PDF ini terkunci; periksa lagi dengan kata sandinya.",
        "This PDF is locked; check it again with its password.",
    ),
    "ENCRYPTION_UNKNOWN": (
        "error",
        "PDF ini dikunci dengan cara lain daripada kata sandi; minta salinan yang tidak dikunci.",
        "This PDF is locked in another way than with a password; ask for a copy that is not locked.",
    ),
    "PASSWORD_WRONG": (
        "error",
        "Kata sandi yang diberikan tidak membuka PDF ini.",
        "The password that was given does not open this PDF.",
    ),
    "FILE_NOT_FOUND": ("error", "File tidak ditemukan.", "There is no such file."),
    "FILE_IS_DIRECTORY": (
        "error",
        "Ini sebuah folder; sebutkan file di dalamnya.",
        "This is a folder; name the files in it.",
    ),
    "FILE_NOT_READABLE": ("error", "File ini tidak dapat dibuka.", "The file cannot be opened."),
    "BAD_ANCHOR": (
        "error",
        "Salah satu sertifikat induk yang dipercaya di sini tidak dapat dibaca; perbaiki dahulu.",
        "One of the root certificates trusted here cannot be read; repair that first.",
    ),
    "INTERNAL": (
        "error",
        "Pemeriksaan gagal karena kesalahan pada program kami.",
        "The check failed because of an error in our program.",
    ),
    "TOO_LARGE": (
        "error",
        "File ini lebih besar dari {limit} MB.",
        "The file is larger than {limit} MB.",
    ),
    "ENCRYPTED": ("info", "PDF ini terenkripsi.", "This PDF is encrypted."),
    "ACTIVE_CONTENT": (
        "warning",
        "PDF ini berisi skrip atau perintah; kami tidak menjalankannya.",
        "This PDF contains scripts or commands; we did not run them.",
    ),
    "BYTES_IN_FRONT": (
        "warning",
        "Di depan PDF ini ada {count} byte lain; program lain mungkin membaca file yang berbeda di sana.",
        "{count} other bytes stand in front of this PDF; other programs may read a different file there.",
    ),
    "HYBRID_XREF": (
        "warning",
        "PDF ini memakai dua daftar isi yang dapat dibaca berbeda oleh program lain.",
        "This PDF has two tables of contents that other programs may read differently.",
    ),
    # Original, scan, code
    "ORIGINAL": (
        "info",
        "File ini sama persis, bit demi bit, dengan yang diterbitkan.",
        "This file is identical, bit by bit, to the one that was issued.",
    ),
    "KEPT_FOR_ISSUER": (
        "info",
        "File ini sama persis, bit demi bit, dengan yang diserahkan kepada {agency} "
        "dan disimpan sejak {date}; penerbitnya {issuer}.",
        "This file is identical, bit by bit, to the one that was handed in to {agency} "
        "and is kept since {date}; its issuer is {issuer}.",
    ),
    "ORIGINAL_DECIDES": (
        "info",
        "Sertifikat induk yang dipercaya di sini tidak memastikan tanda tangannya; "
        "yang memutuskan adalah register, yang mengenal file ini bit demi bit.",
        "The root certificates trusted here do not confirm its signatures; what decides is the register, "
        "which knows this file bit by bit.",
    ),
    "ORIGINAL_EXTENDED": (
        "info",
        "File ini dibuat dari dokumen kami, tetapi tidak sama persis dengan yang diterbitkan.",
        "This file derives from a document of ours, but is not identical to the one issued.",
    ),
    "NOT_THE_ISSUED_FILE": (
        "warning",
        "File ini menyebut sebuah dokumen kami, tetapi bukan file yang kami terbitkan untuknya.",
        "This file names a document of ours, but is not the file that was issued for it.",
    ),
    "ORIGINAL_CHANGED": (
        "warning",
        "File ini salinan yang berubah dari dokumen nomor {number}; dokumen aslinya tercatat di sini, "
        "file ini bukan aslinya.",
        "This is a changed copy of document {number}; the original is recorded here, this file is not it.",
    ),
    "NO_SIGNATURE": (
        "info",
        "Tidak ada tanda tangan elektronik di dalam file.",
        "There is no electronic signature in the file.",
    ),
    "SIGNATURE_REMOVED": (
        "warning",
        "Ada sisa tanda tangan yang tidak lagi menjadi bagian dokumen; mungkin dihapus.",
        "There are remains of a signature that is no longer part of the document; it may have been removed.",
    ),
    "USAGE_RIGHTS": (
        "info",
        "Yang ada hanya izin pakai untuk program pembaca, bukan tanda tangan seseorang atas isinya.",
        "There are only usage rights for a reading program, not a person's signature of the content.",
    ),
    "SCAN_OF": (
        "info",
        "Ini hasil pindai atau cetak dari dokumen nomor {number}; yang diperiksa hanya kode QR-nya, "
        "jadi cocokkan isinya.",
        "This is a print or scan of document {number}; only its QR code was checked, so compare the content.",
    ),
    "UNKNOWN_CODE": (
        "warning",
        "Kode QR di file ini beralamat kami, tetapi kodenya tidak tercatat.",
        "The QR code in this file has our address, but its code is not recorded.",
    ),
    "FOREIGN_CODE": (
        "warning",
        "Kode QR di file ini menuju {host}, bukan alamat kami; jangan dibuka.",
        "The QR code in this file leads to {host}, which is not ours; do not open it.",
    ),
    "CODES_NOT_READ": (
        "info",
        "Tidak semua halaman file ini dapat dicari kode QR-nya.",
        "Not every page of this file could be searched for a QR code.",
    ),
    "QR_FOUND": (
        "info",
        "Di file ini ada kode QR yang menuju {host}.",
        "This file has a QR code that leads to {host}.",
    ),
    # Signatures
    "BAD_SIGNATURE": (
        "error",
        "Tanda tangan {field} tidak berbentuk tanda tangan yang sah.",
        "Signature {field} is not formed as a signature must be.",
    ),
    "UNSUPPORTED_SIGNATURE": (
        "error",
        "Tanda tangan {field} memakai cara yang belum dapat kami periksa ({what}).",
        "Signature {field} uses a method that we cannot check yet ({what}).",
    ),
    "BYTE_RANGE_INVALID": (
        "error",
        "Tanda tangan {field} menyebut bagian file yang tidak masuk akal.",
        "Signature {field} names a part of the file that makes no sense.",
    ),
    "CONTENTS_GAP": (
        "error",
        "Ada bagian file yang disisipkan di luar jangkauan tanda tangan {field}.",
        "Part of the file was inserted outside the reach of signature {field}.",
    ),
    "CONTENT_CHANGED": (
        "error",
        "Isi file diubah setelah tanda tangan {field}.",
        "The content was changed after signature {field}.",
    ),
    "SIGNATURE_INVALID": (
        "error",
        "Tanda tangan {field} tidak cocok dengan sertifikatnya.",
        "Signature {field} does not match its certificate.",
    ),
    "SEVERAL_SIGNERS": (
        "error",
        "Tanda tangan {field} menyebut beberapa penanda tangan sekaligus, yang tidak diizinkan dalam PDF.",
        "Signature {field} names more than one signer at once, which a PDF does not allow.",
    ),
    "SIGNER_CERTIFICATE_MISSING": (
        "error",
        "Sertifikat penanda tangan {field} tidak ada di file, jadi tanda tangannya tidak dapat diperiksa.",
        "The signer's certificate of {field} is not in the file, so the signature cannot be checked.",
    ),
    "SIGNER_CERTIFICATE_MISMATCH": (
        "error",
        "Sertifikat pada {field} bukan sertifikat yang disebut penanda tangan saat menandatangani.",
        "The certificate of {field} is not the one that the signer named when signing.",
    ),
    "CERTIFICATE_CHANGED": (
        "error",
        "Sertifikat pada {field} tidak lagi seperti yang diterbitkan; isinya diubah.",
        "A certificate of {field} is not as it was issued; it was changed.",
    ),
    "CONTENTS_TAIL": (
        "error",
        "Di belakang tanda tangan {field} disisipkan {count} bita yang tidak ditandatangani siapa pun.",
        "Behind signature {field}, {count} bytes were inserted that nobody signed.",
    ),
    "DETAILS_MISSING": (
        "info",
        "Rincian untuk laporan validasi tidak dapat dikumpulkan; hasil pemeriksaannya tidak terpengaruh.",
        "The details for a validation report could not be collected; the result is not affected.",
    ),
    "CMS_IRREGULAR": (
        "info",
        "Tanda tangan {field} ditulis menyimpang dari standar ({what}); itu tidak memengaruhi hasilnya.",
        "Signature {field} is written in a way that deviates from the standard ({what}); "
        "that does not affect the result.",
    ),
    "SIGNATURE_POLICY": (
        "info",
        "Tanda tangan {field} menyebut kebijakan tanda tangan {what}; kebijakan itu tidak kami periksa.",
        "Signature {field} names the signature policy {what}, which we did not check.",
    ),
    "VRI_UNRELATED": (
        "info",
        "Ada {count} data validasi di file yang bukan milik tanda tangan mana pun.",
        "The file has {count} entries of validation data that belong to none of its signatures.",
    ),
    "COVERAGE_PARTIAL": (
        "error",
        "Tanda tangan {field} hanya mencakup sebagian dokumen.",
        "Signature {field} covers only part of the document.",
    ),
    "BYTES_APPENDED": (
        "error",
        "Setelah tanda tangan terakhir ditambahkan {count} bita yang tidak ditandatangani siapa pun.",
        "After the last signature, {count} bytes were added that nobody signed.",
    ),
    "CHANGE_FORBIDDEN": (
        "error",
        "Setelah tanda tangan {field} dokumen diubah dengan cara yang tidak diizinkan (revisi {revision}).",
        "After signature {field} the document was changed in a way not allowed (revision {revision}).",
    ),
    "CHANGES_UNDETERMINED": (
        "error",
        "Perubahan setelah tanda tangan {field} tidak dapat dinilai.",
        "The changes after signature {field} could not be judged.",
    ),
    "FORM_FILLED": (
        "info",
        "Setelah tanda tangan {field} formulir diisi; dokumen mengizinkannya.",
        "After signature {field} the form was filled in, which the document allows.",
    ),
    "FIELD_REDRAWN": (
        "info",
        "Setelah tanda tangan {field} isian {name} digambar ulang; nilainya tetap.",
        "After signature {field} the field {name} was drawn anew; its value is the same.",
    ),
    # Time
    "TIME_CLAIMED": (
        "info",
        "Waktu tanda tangan {field} adalah pernyataan penanda tangan, tidak dibuktikan penanda waktu.",
        "The time of signature {field} is the signer's own statement, not proven by a time-stamp.",
    ),
    "TIMESTAMP_BROKEN": (
        "error",
        "Penanda waktu pada {field} rusak atau bukan untuk tanda tangan ini.",
        "The time-stamp of {field} is broken or belongs to something else.",
    ),
    "TIMESTAMP_CERTIFICATE_MISSING": (
        "warning",
        "Penanda waktu pada {field} tidak membawa sertifikat penerbitnya, jadi waktunya tidak terbukti.",
        "The time-stamp of {field} does not bring its issuer's certificate, so its time is not proven.",
    ),
    "TIMESTAMP_UNTRUSTED": (
        "warning",
        "Penerbit penanda waktu pada {field} tidak kami kenal, jadi waktunya tidak terbukti.",
        "We do not know who issued the time-stamp of {field}, so its time is not proven.",
    ),
    "TIMESTAMP_EXPIRED": (
        "warning",
        "Sertifikat penanda waktu pada {field} sudah kedaluwarsa, jadi waktunya tidak lagi terbukti.",
        "The certificate behind the time-stamp of {field} has expired, so its time is no longer proven.",
    ),
    "TIMESTAMP_REVOKED": (
        "warning",
        "Sertifikat penanda waktu pada {field} sudah dicabut, jadi waktunya tidak terbukti.",
        "The certificate behind the time-stamp of {field} was revoked, so its time is not proven.",
    ),
    "TIMESTAMP_ORDER": (
        "warning",
        "Waktu-waktu pada {field} bertentangan dengan penanda waktu lain di file ini.",
        "The times of {field} contradict other time-stamps in this file.",
    ),
    "TIMESTAMP_IN_FUTURE": (
        "error",
        "Penanda waktu pada {field} menyebut waktu yang belum tiba.",
        "The time-stamp of {field} states a time that has not come yet.",
    ),
    # Trust
    "SIGNER_UNTRUSTED": (
        "warning",
        "Sertifikat pada {field} tidak berasal dari penerbit sertifikat yang kami percaya.",
        "The certificate of {field} does not come from an issuer of certificates that we trust.",
    ),
    "SIGNER_REVOKED": (
        "error",
        "Sertifikat pada {field} sudah dicabut, dan tidak terbukti bahwa tanda tangan dibuat sebelumnya.",
        "The certificate of {field} was revoked, and nothing proves that the signature was made before.",
    ),
    "SIGNER_EXPIRED": (
        "warning",
        "Sertifikat pada {field} sudah kedaluwarsa, dan tidak terbukti bahwa tanda tangan dibuat sebelumnya.",
        "The certificate of {field} has expired, and nothing proves that the signature was made before.",
    ),
    "SIGNER_NOT_YET_VALID": (
        "warning",
        "Sertifikat pada {field} belum berlaku ketika tanda tangan dibuat.",
        "The certificate of {field} was not valid yet when the signature was made.",
    ),
    "ISSUER_REVOKED": (
        "error",
        "Sertifikat penerbit di atas {field} sudah dicabut.",
        "The certificate of an issuer above {field} was revoked.",
    ),
    "SIGNER_UNSUITABLE": (
        "warning",
        "Sertifikat pada {field} tidak diterbitkan untuk menandatangani dokumen.",
        "The certificate of {field} was not issued for signing documents.",
    ),
    "REVOKED_LATER": (
        "info",
        "Sertifikat pada {field} dicabut setelah tanda tangan dibuat; tanda tangannya tetap sah.",
        "The certificate of {field} was revoked after the signature was made; the signature stands.",
    ),
    "REVOCATION_NOT_CHECKED": (
        "info",
        "File ini tidak membawa bukti apakah sertifikat pada {field} pernah dicabut.",
        "The file carries no proof of whether the certificate of {field} was ever revoked.",
    ),
    "REVOCATION_STALE": (
        "info",
        "Bukti pencabutan di file ini lebih tua daripada tanda tangan {field}, jadi tidak berlaku baginya.",
        "The revocation data in this file is older than signature {field}, so it says nothing about it.",
    ),
    "REVOCATION_ASKED": (
        "info",
        "Penerbit sertifikat ditanya saat pemeriksaan ini apakah sertifikatnya dicabut.",
        "Whether a certificate was revoked was asked of its issuer during this check.",
    ),
    "REVOCATION_NO_ANSWER": (
        "warning",
        "Alamat {what} milik penerbit sertifikat tidak memberi jawaban yang dapat dipakai; belum pasti apakah"
        " sertifikatnya dicabut.",
        "The issuer's {what} address gave no usable answer; whether a certificate was revoked is open.",
    ),
    "REVOCATION_NO_TIME": (
        "warning",
        "Waktu pemeriksaan habis sebelum diketahui apakah sertifikatnya dicabut; periksa lagi sebentar lagi.",
        "The time for this check was over before it was known whether a certificate was revoked; check again"
        " in a moment.",
    ),
    "CERTIFICATE_ON_HOLD": (
        "warning",
        "Sertifikat pada {field}, atau penerbit di atasnya, sedang ditangguhkan; periksa lagi nanti.",
        "The certificate of {field}, or of an issuer above it, is suspended; check again later.",
    ),
    "WEAK_ALGORITHM": (
        "warning",
        "Tanda tangan {field} memakai algoritma lama ({what}) yang dapat dipalsukan.",
        "Signature {field} uses an old algorithm ({what}) that can be forged.",
    ),
    "NO_ANCHORS": (
        "warning",
        "Tidak ada sertifikat induk tepercaya di sini, jadi penanda tangan tidak dapat dipastikan.",
        "No root certificate is trusted here, so no signer can be confirmed.",
    ),
    # Our side
    "REGISTER_NOT_CONFIGURED": (
        "info",
        "Tidak ada register di folder data ini, jadi status dokumen tidak ditanyakan.",
        "This data folder has no register, so the document's status was not asked.",
    ),
    "REGISTER_UNAVAILABLE": (
        "error",
        "Register kami sedang tidak menjawab.",
        "Our register does not answer at the moment.",
    ),
    "SANDBOX_BUSY": (
        "error",
        "Terlalu banyak file sedang diperiksa; coba lagi sebentar lagi.",
        "Too many files are being checked; try again in a moment.",
    ),
    "SANDBOX_UNAVAILABLE": (
        "error",
        "Pemeriksa file kami sedang tidak dapat dijalankan.",
        "Our file checker cannot be started at the moment.",
    ),
    **_CHANGES,
    **_INPUTS,
    **_PICTURES,
}

CODES = frozenset(_TABLE)

_PLACE = re.compile(r"\{(\w+)\}")


def finding_message(code: str, lang: Literal["id", "en"], **values: str) -> str:
    """The sentence of a finding. A value that is missing is shown as a dash, never as a brace."""
    _, indonesian, english = _TABLE[code]

    def value(match: re.Match[str]) -> str:
        name = match[1]
        told = values.get(name, "—")
        return pdf_word(told, lang) if name == "kind" or (code, name) == ("CHANGE_PAGE", "what") else told

    return _PLACE.sub(value, indonesian if lang == "id" else english)


def finding_severity(code: str) -> Literal["error", "warning", "info"]:
    """How much a finding weighs."""
    return _TABLE[code][0]

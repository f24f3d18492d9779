"""The sentences of findings about comparing pages in pictures; see `finding_words`. None alters a verdict."""

from __future__ import annotations

from typing import Literal

# code: (severity, sentence id, sentence en). Pages are counted from 1.
TABLE: dict[str, tuple[Literal["error", "warning", "info"], str, str]] = {
    "PAGE_PICTURE_MISSING": (
        "warning",
        "Halaman {page} tidak dapat digambar, jadi perbandingannya tidak dapat diperlihatkan.",
        "Page {page} cannot be drawn, so its comparison cannot be shown.",
    ),
    "PAGE_PICTURES_STOPPED": (
        "warning",
        "Perbandingan gambar berhenti sebelum halaman {page}: batas waktu atau ukurannya tercapai.",
        "The comparison in pictures stopped before page {page}: its limit of time or size was reached.",
    ),
    "PAGE_PICTURES_BUSY": (
        "info",
        "Halaman belum dibandingkan dalam gambar: banyak file sedang diperiksa; coba lagi sebentar lagi.",
        "The pages were not compared in pictures: many files are being checked; try again in a moment.",
    ),
    "PAGE_PICTURES_IMPOSSIBLE": (
        "warning",
        "Keadaan file saat ditandatangani tidak dapat digambar, jadi halaman tidak dapat dibandingkan.",
        "The file as it was signed cannot be drawn, so its pages cannot be compared.",
    ),
    # Of `absah verify --pages`
    "PAGES_DIFFER": (
        "info",
        "{count} halaman tampak lain dari saat ditandatangani; gambarnya ada di {folder}.",
        "{count} pages look other than when they were signed; their pictures are in {folder}.",
    ),
    "PAGES_LOOK_AS_SIGNED": (
        "info",
        "Tidak ada halaman yang tampak lain dari saat ditandatangani; {count} halaman dibandingkan.",
        "No page looks other than when it was signed; {count} were compared.",
    ),
    "PAGES_NOT_TOUCHED": (
        "info",
        "Tidak ada yang diubah setelah ditandatangani, jadi tidak ada halaman untuk dibandingkan.",
        "Nothing was changed after it was signed, so there are no pages to compare.",
    ),
    "PAGES_NOT_DRAWN_UPON": (
        "info",
        "Yang ditambahkan setelah ditandatangani tidak tergambar di halaman; semua tampak seperti semula.",
        "What was added after it was signed is drawn on no page; all look as they did.",
    ),
    "PAGES_WITHOUT_SIGNED_STATE": (
        "info",
        "Tidak ada tanda tangan utuh yang memperlihatkan seperti apa halaman sebelumnya.",
        "No intact signature shows what the pages looked like before.",
    ),
    "PAGES_OTHER_FILE": (
        "warning",
        "File ini berubah di tempat simpannya setelah diperiksa, jadi halamannya tidak digambar.",
        "The file was replaced where it lies after it was checked, so its pages were not drawn.",
    ),
    "PAGE_PICTURES_NOT_WRITTEN": (
        "warning",
        "Gambar halaman tidak dapat ditulis di {folder} ({reason}).",
        "The pictures of pages could not be written in {folder} ({reason}).",
    ),
}

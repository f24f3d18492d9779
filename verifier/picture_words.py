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
}

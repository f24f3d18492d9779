"""The texts of the pages: English in the source, both languages in ``locale/``.

The catalogues are read as they are written (.po), so that no generated file has to be kept in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from babel.messages.pofile import read_po

from verifier.words import Lang

LOCALE = Path(__file__).parent / "locale"
LANGUAGES: tuple[Lang, ...] = get_args(Lang)


def mark(text: str) -> str:
    """Say that a text will be translated where it is shown."""
    return text


def catalogue_file(lang: Lang) -> Path:
    """Where the texts of a language stand."""
    return LOCALE / lang / "LC_MESSAGES" / "messages.po"


def _read(lang: Lang) -> Mapping[str, str]:
    with catalogue_file(lang).open("rb") as stream:
        return {str(message.id): str(message.string) for message in read_po(stream) if message.id}


_TEXTS: Mapping[Lang, Mapping[str, str]] = {lang: _read(lang) for lang in LANGUAGES}


def translate(lang: Lang, text: str, **values: object) -> str:
    """A text in a language, its ``%(name)s`` filled in; itself where the catalogue has none."""
    translated = _TEXTS[lang].get(text) or text
    return translated % values if values else translated

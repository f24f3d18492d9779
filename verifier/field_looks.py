"""Whether a text or choice field that was filled shows its value, or something else.

A look is made by whoever fills the field, and programs that read the value never see it. Only what can be
read and contradicts the value counts: a look may be drawn in outlines, cut off, or formatted by the form.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any

from verifier.font_codes import text_of_value
from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Stream
from verifier.shown_text import Disguised, Unreadable, count_shown, draws_only_text, read_shown_text

_PASSWORD = 1 << 13
_COMBO = 1 << 17
_MOST_OPTIONS = 10_000
_MARK_BYTES = 2  # one character, of a font with two bytes for each
# Programs exchange these where a font or a keyboard lacks one of them.
_ALIKE = str.maketrans(
    {**dict.fromkeys("\u2018\u2019\u201b\u00b4`", "'"), **dict.fromkeys("\u201c\u201d\u201e", '"')}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)

# What programs show for a character that the font lacks.
_INSTEAD = dict.fromkeys(map(ord, "?·•□\ufffd"))


def contradicts(document: Document, field: dict[str, Any], widget: dict[str, Any], value: Any) -> bool:
    """Whether a widget of the field shows text that its ``value`` does not hold.

    False also where that cannot be told.
    """
    if document.get(document.catalog, "AcroForm", "NeedAppearances") is True:
        return False  # programs draw it anew
    flags = inherited(document, widget, field, "Ff") or 0
    if not isinstance(flags, int) or flags & _PASSWORD or _is_formatted(document, widget, field):
        return False
    kind = inherited(document, widget, field, "FT")
    values = _values(document, value)
    if values is None:
        return False
    options = _options(document, inherited(document, widget, field, "Opt")) if kind == "Ch" else []
    is_list = kind == "Ch" and not flags & _COMBO
    allowed = _shown_values(values, options, is_list=is_list)
    fonts = document.get(document.catalog, "AcroForm", "DR", "Font")
    for look in looks_of(document, widget):
        try:
            shown = _plain(read_shown_text(document, look, fonts, is_list=is_list))
        except Unreadable:
            continue
        except Disguised:
            return True
        if shown and not any(_may_show(text, shown) for text in allowed):
            return True
    return False


def shows_all_of(document: Document, field: dict[str, Any], widget: dict[str, Any], value: Any) -> bool:
    """Whether each look of a text or choice field can be read, and shows the whole value and nothing else."""
    values = _values(document, value)
    looks = looks_of(document, widget)
    if not values or not any(values) or not looks:
        return False
    options = dict(_options(document, inherited(document, widget, field, "Opt")))
    wanted = {_plain("".join(values)), _plain("".join(options.get(each, each) for each in values))}
    fonts = document.get(document.catalog, "AcroForm", "DR", "Font")
    try:
        return all(
            draws_only_text(document, look) and _plain(read_shown_text(document, look, fonts)) in wanted
            for look in looks
        )
    except (Unreadable, Disguised):
        return False


def inherited(document: Document, widget: dict[str, Any], field: dict[str, Any], key: str) -> Any:
    """What a widget or its field says under a key, or the nearest node above that does."""
    own = document.inherited(widget, key)
    return document.inherited(field, key) if own is None else own


def _is_formatted(document: Document, widget: dict[str, Any], field: dict[str, Any]) -> bool:
    """Whether a script of the form decides how the value is written; one that is added is a change."""
    actions = inherited(document, widget, field, "AA")
    return isinstance(actions, dict) and "F" in actions


def _values(document: Document, value: Any) -> list[str] | None:
    found = document.resolve_all(value)
    if isinstance(found, Stream):
        try:
            found = document.decode(found)
        except Damaged:
            return None
    each = found if isinstance(found, list) else [found]
    if not all(one is None or isinstance(one, bytes | str) for one in each):
        return None
    return [text_of_value(one) if isinstance(one, bytes) else one or "" for one in each]


def _options(document: Document, options: Any) -> list[tuple[str, str]]:
    """The choices: what is exported, and what is shown for it."""
    found = []
    for each in options[:_MOST_OPTIONS] if isinstance(options, list) else ():
        each = document.resolve_all(each)
        pair = each if isinstance(each, list) and len(each) == 2 else [each, each]
        if all(isinstance(one, bytes) for one in pair):
            found.append((text_of_value(pair[0]), text_of_value(pair[1])))
    return found


def _shown_values(values: list[str], options: list[tuple[str, str]], *, is_list: bool) -> list[str]:
    """The texts of which a look may show the beginning."""
    written = dict(options)
    shown = [*values, *(written[value] for value in values if value in written)]
    together = ["".join(values), "".join(written.get(value, value) for value in values)]
    # A list shows all of its choices, from wherever it was scrolled to.
    scrolled = [label for _, label in options] if is_list else []
    rolled = ["".join(scrolled[at:]) for at in range(min(len(scrolled), 200))]
    return list(map(_plain, [*shown, *together, *rolled]))


def looks_of(document: Document, widget: dict[str, Any]) -> list[Stream]:
    """Every look of a widget, of each state."""
    found: list[Stream] = []
    looks = document.get(widget, "AP")
    for look in looks.values() if isinstance(looks, dict) else ():
        look = document.resolve(look)
        states = [document.resolve(each) for each in look.values()] if isinstance(look, dict) else [look]
        found.extend(each for each in states if isinstance(each, Stream))
    return found


def _plain(text: str) -> str:
    """A text without what programs write in different ways: spaces, ligatures, quotes, dashes."""
    composed = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return "".join(each for each in composed if not each.isspace() and unicodedata.category(each)[0] != "C")


def _may_show(value: str, shown: str) -> bool:
    """Whether ``shown`` is the value, or its beginning where the rest did not fit."""
    if value.startswith(shown):
        return True
    if value.isascii():
        return False
    value, shown = (text.translate(_INSTEAD) for text in (value, shown))
    if any(unicodedata.bidirectional(each) in ("R", "AL") for each in value):
        return not Counter(shown) - Counter(value)  # written from the right
    # What a font lacks is left out.
    at = 0
    for each in value:
        if at < len(shown) and each == shown[at]:
            at += 1
        elif each.isascii():
            break
    return at == len(shown)


def shows_only_marks(
    then: Document, before: dict[str, Any], document: Document, widget: dict[str, Any]
) -> bool:
    """Whether every look of a check box or radio button that is new is a mark: one character, or lines.

    ``before`` is the widget as it was in the state ``then``.
    """
    known = {then.decode(each) for each in looks_of(then, before) if _is_decodable(then, each)}
    for look in looks_of(document, widget):
        if _is_decodable(document, look) and document.decode(look) in known:
            continue
        try:
            if count_shown(document, look) > _MARK_BYTES:
                return False
        except Unreadable:
            return False
    return True


def _is_decodable(document: Document, look: Stream) -> bool:
    try:
        document.decode(look)
    except Damaged:
        return False
    return True

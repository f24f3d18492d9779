"""Checking and cleaning the fields of a request against their schema.

A field schema is JSON Schema 2020-12 with a few words of ours, each a property of one field:

``format``            ``date``, ``nik``, ``nip`` or ``photo``
``x-title-en``        the English label beside ``title``, the Indonesian one
``x-lines``           how many lines the value may have (one, if absent)
``x-birth-date``      of a NIK: the field with the holder's birth date
``x-sex``             of a NIK: the field with ``Laki-laki`` or ``Perempuan``
``x-not-before``      of a date: another date field, or ``issued_on``
``x-not-after``       likewise
"""

from __future__ import annotations

import base64
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from storage.vocabulary import FieldProblem
from templates import glyphs, identity
from templates.photo import TOO_LARGE, PhotoRefused, clean_photo

ROOT = "/fields"
FORMATS = frozenset({"date", "nik", "nip", "photo"})

# No document type needs more; what exceeds this is an attack or a mistake, and is refused before
# anything walks it recursively or prints it.
_MAX_DEPTH = 6
_MAX_VALUES = 2_000
_MAX_TEXT = 3_200_000
_MAX_INTEGER = 2**53
_MAX_POINTER_NAME = 60

_FEMALE = {"Perempuan": True, "Laki-laki": False}


def read(
    validator: Draft202012Validator, schema: Mapping[str, Any], fields: object, issued_on: date
) -> tuple[dict[str, Any], list[FieldProblem]]:
    """``fields`` as they are stored, and everything that is wrong with them.

    Each problem has a JSON pointer that begins with ``/fields``. A photo is decoded once: what its
    check makes of it is what is stored.
    """
    unfit = list(_unfit_for_walking(fields, schema))
    if unfit:
        return {}, unfit
    normalised = normalise(fields, schema)
    problems = _one_per_value(
        [*_refused_characters(normalised, schema, ROOT), *_schema_problems(validator, normalised)]
    )
    if not isinstance(normalised, dict):
        return {}, problems
    refused = {problem.pointer for problem in problems}
    cleaned = dict(normalised)
    for name, value in normalised.items():
        field = schema["properties"].get(name)
        pointer = _join(ROOT, name)
        if field is None or not isinstance(value, str) or pointer in refused:
            continue
        if field.get("format") == "photo":
            try:
                cleaned[name] = _stored_photo(value)
            except PhotoRefused as error:
                problems.append(FieldProblem(pointer, error.code, error.message))
        else:
            problems += _meaning_problems(pointer, value, field, normalised, issued_on)
    return cleaned, problems


def clean(fields: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that are known to be good as they are stored: normalised, and each photo encoded anew.

    Raises:
        templates.photo.PhotoRefused: a photo cannot be used.
    """
    cleaned: dict[str, Any] = normalise(fields, schema)
    for name in photo_names(schema):
        if name in cleaned:
            cleaned[name] = _stored_photo(cleaned[name])
    return cleaned


def _stored_photo(text: str) -> str:
    return base64.b64encode(clean_photo(text)).decode("ascii")


def photo_names(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the fields that hold a photo."""
    return tuple(name for name, field in schema["properties"].items() if field.get("format") == "photo")


def normalise(value: object, schema: Mapping[str, Any]) -> Any:
    """Values in one spelling: Unicode NFC, single spaces, no blank ends; identity numbers bare.

    Empty optional values disappear, so that a form may send every field it shows.
    """
    if isinstance(value, str):
        return _normalise_text(value, schema)
    if isinstance(value, list):
        return [normalise(item, schema.get("items", {})) for item in value]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        pairs = ((name, normalise(item, properties.get(name, {}))) for name, item in value.items())
        # An unknown name stays, whatever its value: it is a mistake that the sender should hear of.
        return {name: item for name, item in pairs if item not in ("", None) or name not in properties}
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON Schema takes 1.0 for an integer; the page would print "1.0"
    return value


def _normalise_text(text: str, schema: Mapping[str, Any]) -> str:
    form = schema.get("format")
    if form == "photo":
        return text
    if form in ("nik", "nip"):
        return identity.strip_spaces(text)
    try:
        composed = unicodedata.normalize("NFC", text)
    except UnicodeError:
        return text  # refused by its characters
    # Only spaces are joined: a tab or another control character is the sender's error, and is named.
    lines = composed.replace("\r\n", "\n").split("\n")
    joined = "\n".join(
        " ".join(part for part in line.replace("\u00a0", " ").split(" ") if part) for line in lines
    )
    return joined.strip(" \n")


def _unfit_for_walking(fields: object, schema: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Values that JSON Schema should not even see: too deep, too many, too long, not finite."""
    photos = {_join(ROOT, name) for name in photo_names(schema)}
    pending: list[tuple[str, object, int]] = [(ROOT, fields, 0)]
    seen = 0
    while pending:
        pointer, value, depth = pending.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            yield FieldProblem(pointer, "FIELD_DEPTH", "Remove the nesting; the fields are nearly flat.")
            return
        if isinstance(value, dict):
            pending.extend((_join(pointer, name), item, depth + 1) for name, item in value.items())
        elif isinstance(value, list):
            pending.extend((_join(pointer, str(index)), item, depth + 1) for index, item in enumerate(value))
        elif isinstance(value, str) and len(value) > _MAX_TEXT:
            if pointer in photos:
                yield FieldProblem(pointer, PhotoRefused.code, TOO_LARGE)
            else:
                yield FieldProblem(pointer, "FIELD_LENGTH", "Shorten this text.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield FieldProblem(pointer, "FIELD_NUMBER", "Give a finite number.")
        elif isinstance(value, int | float) and abs(value) > _MAX_INTEGER:
            yield FieldProblem(
                pointer, "FIELD_NUMBER", "This number is too large; send long numbers as text."
            )


def _refused_characters(value: object, schema: Mapping[str, Any], pointer: str) -> Iterator[FieldProblem]:
    if isinstance(value, dict):
        for name, item in value.items():
            field = schema.get("properties", {}).get(name)
            if field is not None:
                yield from _refused_characters(item, field, _join(pointer, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _refused_characters(item, schema.get("items", {}), _join(pointer, str(index)))
    elif isinstance(value, str) and schema.get("format") != "photo":
        lines = schema.get("x-lines", 1)
        character = glyphs.refused_character(value, lines=lines > 1)
        if character is not None:
            name = glyphs.describe(character)
            yield FieldProblem(
                pointer, "FIELD_CHARACTER", f"The character {name} cannot be printed; replace or delete it."
            )
        elif value.count("\n") >= lines:
            yield FieldProblem(pointer, "FIELD_LENGTH", f"Use at most {lines} lines.")


def _schema_problems(validator: Draft202012Validator, fields: object) -> Iterator[FieldProblem]:
    for error in validator.iter_errors(fields):
        pointer = ROOT + "".join("/" + _escape(str(part)) for part in error.absolute_path)
        # jsonschema's own messages quote the value, which may be a NIK or a name: ours never do.
        match error.validator:
            case "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        yield FieldProblem(_join(pointer, name), "FIELD_REQUIRED", "This field is needed.")
            case "dependentRequired":
                for name, needed in error.validator_value.items():
                    for missing in needed if name in error.instance else ():
                        if missing not in error.instance:
                            message = f"This field is needed when “{name}” is given."
                            yield FieldProblem(_join(pointer, missing), "FIELD_REQUIRED", message)
            case "additionalProperties":
                for name in error.instance:
                    if name not in error.schema.get("properties", {}):
                        yield FieldProblem(
                            _join(pointer, name),
                            "FIELD_UNKNOWN",
                            "This document has no such field; remove it.",
                        )
            case "type":
                yield FieldProblem(pointer, "FIELD_TYPE", f"This has to be a JSON {_expected_type(error)}.")
            case "maxLength":
                yield FieldProblem(
                    pointer, "FIELD_LENGTH", f"Use at most {error.validator_value} characters."
                )
            case "maxItems":
                yield FieldProblem(pointer, "FIELD_LENGTH", f"Give at most {error.validator_value} entries.")
            case "enum":
                allowed = ", ".join(str(value) for value in error.validator_value)
                yield FieldProblem(pointer, "FIELD_VALUE", f"Allowed values: {allowed}.")
            case "minimum" | "maximum":
                least, most = error.schema.get("minimum", "any"), error.schema.get("maximum", "any")
                yield FieldProblem(pointer, "FIELD_VALUE", f"Give a number from {least} to {most}.")
            case "format" if error.validator_value == "date":
                yield FieldProblem(pointer, "FIELD_DATE", "Give an existing date as YYYY-MM-DD.")
            case _:
                hint = error.schema.get("description", "the form that the schema states")
                yield FieldProblem(pointer, "FIELD_VALUE", f"The value has the wrong form. Needed: {hint}.")


def _meaning_problems(
    pointer: str, value: str, field: Mapping[str, Any], fields: Mapping[str, Any], issued_on: date
) -> Iterator[FieldProblem]:
    """What a schema cannot say about one well-formed value."""
    match field.get("format"):
        case "nik":
            yield from _nik_problems(pointer, value, field, fields)
        case "nip" if not identity.is_nip(value):
            yield FieldProblem(
                pointer, "NIP_INVALID", "A NIP has 18 digits: birth date, start of service, sex, serial."
            )
    day = read_date(value)
    for word, wrong in (("x-not-before", -1), ("x-not-after", 1)):
        bound_name = field.get(word)
        bound = issued_on if bound_name == "issued_on" else read_date(fields.get(str(bound_name)))
        if day is not None and bound is not None and (day - bound).days * wrong > 0:
            what = "the date of issue" if bound_name == "issued_on" else f"“{bound_name}”"
            relation = "before" if wrong < 0 else "after"
            yield FieldProblem(pointer, "FIELD_DATE", f"This date may not be {relation} {what}.")


def _nik_problems(
    pointer: str, nik: str, field: Mapping[str, Any], fields: Mapping[str, Any]
) -> Iterator[FieldProblem]:
    if not identity.is_nik(nik):
        yield FieldProblem(pointer, "NIK_INVALID", "A NIK has 16 digits and ends in a serial from 0001.")
    elif not identity.nik_date_possible(nik):
        yield FieldProblem(
            pointer,
            "NIK_DATE_IMPOSSIBLE",
            "Digits 7 to 12 of this NIK are no date; check it, or confirm it with a reason.",
            overridable=True,
        )
    elif not identity.nik_agrees(
        nik,
        read_date(fields.get(field.get("x-birth-date", ""))),
        _FEMALE.get(str(fields.get(field.get("x-sex", "")))),
    ):
        yield FieldProblem(
            pointer,
            "NIK_BIRTH_MISMATCH",
            "This NIK differs from the birth date or sex; check them, or confirm them with a reason.",
            overridable=True,
        )


def read_date(value: object) -> date | None:
    """An ISO calendar date (YYYY-MM-DD and nothing else), or None."""
    # fromisoformat also takes 20260312 and week dates, which no form of ours prints.
    if not isinstance(value, str) or len(value) != 10 or value[4] != "-" or value[7] != "-":
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _one_per_value(problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    """The first problem of each value: the second would only repeat it in other words."""
    first: dict[str, FieldProblem] = {}
    for problem in problems:
        first.setdefault(problem.pointer, problem)
    return list(first.values())


def _expected_type(error: ValidationError) -> str:
    expected = error.validator_value
    return " or ".join(expected) if isinstance(expected, list) else str(expected)


def _join(pointer: str, name: object) -> str:
    """RFC 6901 section 3; a name that cannot be sent back as it is leaves the pointer at its parent."""
    text = str(name)
    if len(text) > _MAX_POINTER_NAME or not text.isprintable():
        return pointer
    return f"{pointer}/{_escape(text)}"


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

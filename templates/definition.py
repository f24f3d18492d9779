"""Reading one type's folder: ``type.toml``, ``fields.json``, ``document.typ``, ``sample.json``.

A folder that could issue a wrong document is refused when it is read, with the file and the remedy.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from storage.vocabulary import LEVELS, Misconfigured
from templates import glyphs
from templates.document_type import CAPACITIES, DocumentType, Limits, Signing, Slot
from templates.fields import FORMATS
from templates.numbering import Numbering
from templates.validity import Validity

LAYOUT = Path(__file__).parent / "layout"

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Packages come from our layout folder alone; a foreign one would be fetched while rendering.
_FOREIGN_PACKAGE = re.compile(r'"@(?!absah/)[^"]*"')
_LANGUAGES = ("id", "en")
# For what is kept for good; a calendar cannot count much further.
_LONGEST_RETENTION_YEARS = 1000


def read_type(folder: Path, *, shipped: bool = False) -> DocumentType:
    """The type in ``folder``.

    A ``shipped`` type's schema is a JSON Schema by our own tests; to ask the meta-schema again would take
    most of the time in which the catalogue is loaded.

    Raises:
        Misconfigured: a file is missing, cannot be read or contradicts another.
    """
    settings = _read_settings(folder / "type.toml")
    try:
        return _build(folder, settings, shipped)
    except KeyError as error:
        raise _refuse(folder / "type.toml", f"the setting {error.args[0]!r} is missing; add it") from error
    except (TypeError, ValueError) as error:
        raise _refuse(folder / "type.toml", str(error)) from error


def _build(folder: Path, settings: dict[str, Any], shipped: bool) -> DocumentType:
    schema = _read_schema(folder / "fields.json", shipped)
    properties = schema["properties"]
    if _ID.fullmatch(settings["id"]) is None or settings["id"] != folder.name:
        raise ValueError(f"id has to be the folder's name, {folder.name!r}, in lower case with hyphens")
    limits = _read_limits(settings.get("limits", {}))
    validity = _read_validity(settings["validity"])
    named = [settings["holder_name"], *limits.holder, *limits.place]
    named += [limits.ordinal] if limits.ordinal else []
    for name in [*named, *([validity.field] if validity.field else [])]:
        if name not in schema.get("required", ()):
            raise ValueError(f"the field {name!r} is named here, so fields.json has to require it")
    if validity.field and properties[validity.field].get("format") != "date":
        raise ValueError(f"the validity ends by {validity.field!r}, which has to be a date in fields.json")
    template = folder / "document.typ"
    foreign = _FOREIGN_PACKAGE.search(_read_text(template))
    if foreign is not None:
        raise _refuse(template, f"imports {foreign[0]}; only packages of @absah can be used")
    return DocumentType(
        id=settings["id"],
        family=settings["family"],
        folder=folder,
        label=_read_label(settings["label"]),
        schema=schema,
        slots=_read_slots(settings["slots"]),
        approval=_read_flag(settings["approval"]),
        limits=limits,
        holder_name=settings["holder_name"],
        sample=_read_json(folder / "sample.json"),
        template_hash=_hash(folder),
        retention_years=_read_retention(settings["retention_years"]),
        numbering=Numbering(settings["number"]),
        validity_rule=validity,
        signing=_read_signing(settings.get("signing", {})),
    )


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise _refuse(path, f"is not valid TOML ({error})") from error
    known = {
        *("id", "family", "label", "number", "validity", "slots", "approval", "limits"),
        *("holder_name", "retention_years", "signing"),
    }
    unknown = sorted(set(settings) - known)
    if unknown:
        raise _refuse(path, f"unknown setting {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return settings


def _read_schema(path: Path, shipped: bool) -> dict[str, Any]:
    schema = _read_json(path)
    if not shipped:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise _refuse(path, f"is not a JSON Schema: {error.message}") from error
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        raise _refuse(path, 'needs "type": "object" and "additionalProperties": false')
    properties = schema.get("properties", {})
    for name, field in properties.items():
        for word in ("title", "x-title-en"):
            if not field.get(word):
                raise _refuse(path, f"the field {name!r} needs {word!r}, its label")
        if "format" in field and field["format"] not in FORMATS:
            raise _refuse(
                path, f"the field {name!r} has an unknown format; known: {', '.join(sorted(FORMATS))}"
            )
        for word in ("x-birth-date", "x-sex", "x-not-before", "x-not-after"):
            if word in field and field[word] not in properties and field[word] != "issued_on":
                raise _refuse(path, f"the field {name!r}: {word} names {field[word]!r}, which is no field")
    return schema


def _read_validity(table: Mapping[str, Any]) -> Validity:
    rule = dict(table)
    unlimited = rule.pop("unlimited", False)
    if bool(unlimited) == bool(rule):
        raise ValueError("validity needs exactly one of years, days, field, unlimited = true")
    return Validity(**rule)


def _read_limits(table: Mapping[str, Any]) -> Limits:
    rules = dict(table)
    limits = Limits(
        holder=tuple(rules.pop("holder", ())),
        max_in_force=rules.pop("max_in_force", None),
        place=tuple(rules.pop("place", ())),
        ordinal=rules.pop("ordinal", None),
    )
    if rules:
        raise ValueError(f"unknown limit {next(iter(rules))!r}; known: holder, max_in_force, ordinal, place")
    if (limits.max_in_force is not None or limits.place or limits.ordinal) and not limits.holder:
        raise ValueError("limits need “holder”, the fields that identify whom they count for")
    if limits.max_in_force is not None and limits.max_in_force < 1:
        raise ValueError("max_in_force counts from 1; leave it out for no limit")
    return limits


def _read_signing(table: Mapping[str, Any]) -> Signing:
    rules = dict(table)
    signing = Signing(rules.pop("level", Signing.level), rules.pop("outage", Signing.outage))
    if rules:
        raise ValueError(f"unknown in signing: {next(iter(rules))!r}; known: level, outage")
    if signing.level not in LEVELS:
        raise ValueError(f"signing.level is one of {', '.join(LEVELS)}")
    if signing.outage not in ("wait", "issue"):
        raise ValueError("signing.outage is “wait” or “issue”")
    return signing


def _read_retention(years: object) -> int:
    if not isinstance(years, int) or isinstance(years, bool) or not 0 <= years <= _LONGEST_RETENTION_YEARS:
        raise ValueError(f"retention_years is a whole number from 0 to {_LONGEST_RETENTION_YEARS}")
    return years


def _read_slots(tables: list[Mapping[str, Any]]) -> tuple[Slot, ...]:
    if not tables:
        raise ValueError("slots is empty; somebody has to sign")
    for table in tables:
        if table["kind"] not in ("signature", "e_seal", "initials"):
            raise ValueError("a slot's kind is “signature”, “e_seal” or “initials”")
        if unknown := sorted(table.keys() - {"role", "kind", "label", "capacities"}):
            raise ValueError(f"a slot has the unknown entry {unknown[0]!r}")
        if not set(table.get("capacities", ())) <= set(CAPACITIES):
            raise ValueError(f"a slot's capacities are among {', '.join(map(repr, CAPACITIES))}")
    slots = tuple(
        Slot(
            ordinal,
            table["role"],
            table["kind"],
            _read_label(table["label"]),
            tuple(table.get("capacities", CAPACITIES)),
        )
        for ordinal, table in enumerate(tables, start=1)
    )
    if not any(slot.is_shown for slot in slots):
        raise ValueError("every slot holds initials only; somebody has to sign where it can be seen")
    return slots


def _read_label(table: Mapping[str, str]) -> dict[str, str]:
    return {language: table[language] for language in _LANGUAGES}


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("approval has to be true or false")
    return value


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise _refuse(path, f"is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise _refuse(path, "has to hold one JSON object")
    return value


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refuse(path, "is missing or cannot be read as UTF-8") from error


def _refuse(path: Path, reason: str) -> Misconfigured:
    return Misconfigured(f"The document type in {path.parent} cannot be used: {path.name}: {reason}.")


def _hash(folder: Path) -> str:
    """SHA-256 over the type's files, the shared layout, the fonts and the renderer's version.

    The sample is left out: no document is drawn from it.
    """
    digest = hashlib.sha256(f"typst {version('typst')}\n".encode())
    for lines in (_hashed_files(folder), _shared_files()):
        digest.update(lines)
    return digest.hexdigest()


@cache
def _shared_files() -> bytes:
    """Layout and fonts: the same megabytes for every type, read once; a compiler keeps them as well."""
    return _hashed_files(LAYOUT) + _hashed_files(glyphs.FONTS)


def _hashed_files(root: Path) -> bytes:
    """A line for each file: its path below ``root``, and its SHA-256."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "sample.json")
    lines = (
        f"{root.name}/{path.relative_to(root).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in files
    )
    return "".join(lines).encode()

"""What the embedded default keeps in its data folder, beside register and archive."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from signer.settings import Settings
from storage.vocabulary import Misconfigured

DEFAULT_URL = "http://127.0.0.1:8000"


def is_first_run(settings: Settings) -> bool:
    """Whether this is a development installation, on the embedded default, without a register."""
    embedded = settings.development and settings.database_url is None
    return embedded and not (settings.data / "register.db").exists()


def first_run_file(settings: Settings) -> Path:
    """Where the first start wrote address, agencies and keys; readable by its owner only."""
    return settings.data / "first-run.json"


def specimens_file(settings: Settings) -> Path:
    """The codes of the specimens that the first start issued."""
    return settings.data / "specimens.json"


def samples_folder(settings: Settings) -> Path:
    """Files to try the upload page with."""
    return settings.data / "samples"


def read_json(file: Path) -> Any:
    """A JSON file of the data folder; None where there is none."""
    return json.loads(file.read_text()) if file.exists() else None


def write_private(file: Path, value: Any) -> None:
    """Replace a JSON file at once, readable by its owner only."""
    temporary = file.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(value, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    temporary.replace(file)


def public_url(settings: Settings) -> str:
    """The address in new QR codes: the setting, else the one that `serve` used last."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    first_run = read_json(first_run_file(settings))
    return str(first_run["url"]) if first_run else DEFAULT_URL


def make_folder(data: Path) -> None:
    """Make the data folder where it is missing.

    Raises:
        Misconfigured: it cannot be made or written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            f"The data folder {data} cannot be written ({error.strerror}); set ABSAH_DATA to another.",
            code="DATA_FOLDER",
        ) from error

"""Signs with programs of a desktop: poppler's pdfsig, MuPDF's mutool, LibreOffice."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.interop.authority import PASSPHRASE
from tests.interop.producers import stock_pyhanko

TOOLS = {
    "poppler": ("pdfsig", "certutil", "pk12util"),
    "mupdf": ("mutool",),
    "libreoffice": ("soffice", "certutil"),
}


class Refused(Exception):
    """The program did not make the file; the message is the last that it said."""


def is_available(tool: str) -> bool:
    return all(shutil.which(program) for program in TOOLS[tool])


def make(tool: str, authority: Path, base: bytes, steps: tuple[str, ...]) -> bytes:
    """The file that the steps make of ``base``.

    Raises:
        Refused: the program cannot do a step.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        pdf = base
        for step in steps:
            verb, *words = step.split()
            settings = {name: value for name, _, value in (word.partition("=") for word in words)}
            (place / "in.pdf").write_bytes(pdf)
            if verb == "field":
                # These programs sign fields that are there; somebody else makes them.
                pdf = stock_pyhanko.make(authority, pdf, (step,))
                continue
            if verb != "sign":
                raise Refused(f"{tool} cannot {verb}")
            _SIGN[tool](authority, place, settings)
            pdf = (place / "out.pdf").read_bytes()
            (place / "out.pdf").unlink()
        return pdf


def _sign_with_poppler(authority: Path, place: Path, settings: Mapping[str, str]) -> None:
    name = settings.get("key", "rsa2048")
    database = f"sql:{_key_database(authority, place, name)}"
    command = ["pdfsig", "-nssdir", database, "-nick", name, "-reason", "Uji coba"]
    command += ["-sign", settings["field"]] if "field" in settings else ["-add-signature"]
    _run([*command, "in.pdf", "out.pdf"], place)


def _sign_with_mupdf(authority: Path, place: Path, settings: Mapping[str, str]) -> None:
    certificate = authority / f"{settings.get('key', 'rsa2048')}.p12"
    _run(["mutool", "sign", "-s", str(certificate), "-P", PASSPHRASE, "-o", "out.pdf", "in.pdf"], place)


def _sign_with_libreoffice(authority: Path, place: Path, settings: Mapping[str, str]) -> None:
    """It signs what it writes itself: the page that the letter was made of."""
    name = settings.get("key", "rsa2048")
    database = _key_database(authority, place, name)
    options = (
        '{"SignPDF":{"type":"boolean","value":"true"},"SignCertificateSubjectName":{"type":"string",'
        f'"value":"CN=Penanda Uji {name},O=Uji Interop,C=ID"}}}}'
    )
    page = Path(__file__).parents[1] / "bases" / "letter.html"
    shutil.copy(page, place / "out.html")
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{place}/profile"]
    command += [
        "--infilter=HTML (StarWriter)",
        "--convert-to",
        f"pdf:writer_pdf_Export:{options}",
        "out.html",
    ]
    _run(
        command,
        place,
        MOZILLA_CERTIFICATE_FOLDER=str(database),
    )


def _key_database(authority: Path, place: Path, name: str) -> Path:
    database = place / f"keys-{name}"
    if not database.is_dir():
        database.mkdir()
        _run(["certutil", "-N", "-d", f"sql:{database}", "--empty-password"], place)
        certificate = str(authority / f"{name}.p12")
        _run(["pk12util", "-i", certificate, "-d", f"sql:{database}", "-W", PASSPHRASE, "-K", ""], place)
    return database


def _run(command: list[str], place: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8", **environment},
        capture_output=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Refused(f"{command[0]}: {said[-1] if said else done.returncode}")


_SIGN = {"poppler": _sign_with_poppler, "mupdf": _sign_with_mupdf, "libreoffice": _sign_with_libreoffice}

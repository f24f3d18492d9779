"""Signs with endesive, in an environment of its own: python make.py AUTHORITY TSA_URL < recipes.

Recipes come one a line: tool, output, base and steps between tabs.
"""

from __future__ import annotations

import sys
import types
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import pkcs12

# Its verifying half loads oscrypto, which cannot read the version of newer OpenSSL 3.0; signing does without.
for name, member in (("endesive.verifier", "verifier"), ("endesive.pdf.verify", "verify")):
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], member, None)
sys.modules["endesive.pdf.verify"].PDFVerifier = None

from endesive import pdf  # noqa: E402


def sign(authority: Path, tsa: str, content: bytes, step: str) -> bytes:
    verb, *words = step.split()
    settings = {name: value for name, _, value in (word.partition("=") for word in words)}
    if verb not in ("sign", "stamp"):
        raise ValueError(f"endesive cannot {verb}")
    p12 = (authority / f"{settings.get('key', 'rsa2048')}.p12").read_bytes()
    key, certificate, others = pkcs12.load_key_and_certificates(p12, b"interop")
    details = {
        "aligned": 20480,
        "sigflags": 3,
        "auto_sigfield": True,
        "sigandcertify": "certify" in settings,
        "contact": "uji@interop.example",
        "location": "Contoh",
        "reason": "Uji coba",
        "signingdate": datetime.now(UTC).strftime("D:%Y%m%d%H%M%S+00'00'"),
    }
    if verb == "stamp":
        return content + pdf.cms.timestamp(content, details, tspurl=tsa)
    if "visible" in settings:
        details |= {"signaturebox": (360, 640, 520, 690), "signature": "Ditandatangani secara elektronik"}
    algorithm = settings.get("digest", "SHA-256").replace("-", "").lower()
    return content + pdf.cms.sign(
        content,
        details,
        key,
        certificate,
        others,
        algorithm,
        None,
        tsa if settings.get("level") == "T" else None,
    )


def main() -> None:
    authority, tsa = Path(sys.argv[1]), sys.argv[2]
    for line in filter(None, sys.stdin.read().split("\n")):
        _, out, base, *steps = line.split("\t")
        try:
            content = Path(base).read_bytes()
            for step in steps:
                content = sign(authority, tsa, content, step)
            Path(out).write_bytes(content)
            print(f"made\t{out}")
        except Exception as problem:
            # Reported and counted by the caller: a recipe that a library refuses is a finding about it.
            print(f"failed\t{out}\t{type(problem).__name__}: {problem}".replace("\n", " "))


main()

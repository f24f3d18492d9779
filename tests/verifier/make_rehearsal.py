"""Makes ``verifier/rehearsal.pdf``: run as a program, it writes the file anew.

    .venv/bin/python -m tests.verifier.make_rehearsal

A tagged page, signed, time-stamped and archived (PAdES-B-LTA), by an authority whose keys are thrown away and
whom nobody trusts. Then `verifier.rehearsal.MOMENT` has to say when that was.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.interop import authority, bases
from tests.interop.producers import stock_pyhanko
from verifier.rehearsal import FILE

if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        people = Path(scratch) / "authority"
        authority.create(people)
        base = bases.make(Path(scratch) / "bases")["permit-table"].read_bytes()
        signed = stock_pyhanko.make(people, base, ("sign level=T key=p256", "extend", "stamp"))
        FILE.write_bytes(signed)
        root = x509.load_pem_x509_certificate((people / "root.pem").read_bytes())
        FILE.with_suffix(".der").write_bytes(root.public_bytes(Encoding.DER))
    print(f"{len(signed)} bytes; MOMENT = {datetime.now(UTC).replace(microsecond=0)!r}")

"""A real PKCS#11 token in a folder, by SoftHSM2, filled as a vendor's tool would."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys.software import PrivateKey
from tests.services import missing

PIN = "7361-9024"
_SO_PIN = "officer-of-security"
_DIRECT = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")
_THREADED = ("/usr/lib/x86_64-linux-gnu/libp11-kit.so.0", "/usr/lib/aarch64-linux-gnu/libp11-kit.so.0")

_FINALIZE, _GET_SLOT_LIST = 1, 4
_OPEN_SESSION, _CLOSE_SESSION, _CLOSE_ALL_SESSIONS, _LOGOUT = 12, 13, 14, 19


@dataclass(frozen=True)
class SoftHsm:
    """One token; its label is drawn, so that no test meets another one's sessions."""

    folder: Path
    label: str
    module: Path

    @property
    def pin_file(self) -> Path:
        return self.folder / "token.pin"

    def add(
        self, label: str, private: PrivateKey, certificate: x509.Certificate | None = None, *, number: int = 1
    ) -> None:
        """Import a key, and its certificate if given, under that label and CKA_ID."""
        file = self.folder / f"{uuid4().hex}.pem"
        file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _run(
            "--import", str(file), "--token", self.label, "--label", label, "--id", f"{number:02x}",
            "--pin", PIN,
        )  # fmt: skip
        file.unlink()
        if certificate is not None:
            token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
            with token.open(rw=True, user_pin=PIN) as session:
                session.create_object(
                    {
                        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                        pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                        pkcs11.Attribute.TOKEN: True,
                        pkcs11.Attribute.PRIVATE: False,
                        pkcs11.Attribute.LABEL: label,
                        pkcs11.Attribute.ID: bytes([number]),
                        pkcs11.Attribute.SUBJECT: certificate.subject.public_bytes(),
                        pkcs11.Attribute.VALUE: certificate.public_bytes(Encoding.DER),
                    }
                )

    def entry(self, key_id: str, *lines: str) -> str:
        """The text of a key list's entry for this token."""
        return "\n".join(
            ["[[key]]", f'id = "{key_id}"', f'pkcs11 = "{self.module}"', f'token = "{self.label}"',
             'pin_file = "token.pin"', *lines, ""]
        )  # fmt: skip

    def wrong_pin_counted(self) -> bool:
        flags = pkcs11.lib(str(self.module)).get_token(token_label=self.label).flags
        return bool(flags & pkcs11.TokenFlag.USER_PIN_COUNT_LOW)

    def log_in_by_hand(self) -> None:
        """What an operator does after a wrong PIN was counted."""
        pkcs11.lib(str(self.module)).get_token(token_label=self.label).open(user_pin=PIN).close()

    def log_out(self) -> None:
        """What another user of the token in this process can do: a login is the application's."""
        session = ctypes.c_ulong()
        for slot in self._slots():
            if self._call(_OPEN_SESSION, slot, ctypes.c_ulong(4), None, None, ctypes.byref(session)) == 0:
                self._call(_LOGOUT, session)
                self._call(_CLOSE_SESSION, session)

    def close_all_sessions(self) -> None:
        """What a device that restarts does to whoever is connected."""
        for slot in self._slots():
            self._call(_CLOSE_ALL_SESSIONS, slot)

    def finalize(self) -> None:
        """What another part of the process does that is done with the module too early."""
        assert self._call(_FINALIZE, None) == 0

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The token is away meanwhile."""
        tokens = Path(os.environ["SOFTHSM2_CONF"]).with_name("tokens")
        label = self.label.encode()
        [mine] = [each for each in tokens.iterdir() if label in (each / "token.object").read_bytes()]
        away = mine.rename(self.folder / "unplugged")
        self.finalize()
        yield
        away.rename(mine)

    def _slots(self) -> list[ctypes.c_ulong]:
        slots, count = (ctypes.c_ulong * 512)(), ctypes.c_ulong(512)
        assert self._call(_GET_SLOT_LIST, ctypes.c_ubyte(1), slots, ctypes.byref(count)) == 0
        return [ctypes.c_ulong(each) for each in slots[: count.value]]

    def _call(self, function: int, *arguments: object) -> int:
        """Call SoftHSM2 behind the back of whoever uses it, by a function's place in CK_FUNCTION_LIST."""
        table = ctypes.POINTER(ctypes.c_void_p)()
        assert ctypes.CDLL(str(modules()["direct"])).C_GetFunctionList(ctypes.byref(table)) == 0
        # The version stands in front of the functions, in a word of its own.
        return ctypes.CFUNCTYPE(ctypes.c_ulong)(table[1 + function])(*arguments)


def installed() -> dict[str, Path]:
    """The modules that are there: SoftHSM2 itself, and p11-kit in front of it; none where one is missing."""
    found = {
        name: Path(each)
        for name, candidates in (("direct", _DIRECT), ("p11-kit", _THREADED))
        for each in candidates
        if Path(each).exists()
    }
    return found if len(found) == 2 and shutil.which("softhsm2-util") else {}


def modules() -> dict[str, Path]:
    """As `installed`, for a test that needs them."""
    found = installed()
    if not found:
        missing("SoftHSM2", "apt install softhsm2 libp11-kit0")
    return found


def make_place(folder: Path) -> Path:
    """A place for tokens in that folder; returns what SOFTHSM2_CONF has to name."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return configuration


def make_token(folder: Path, module: Path, pin: str = PIN) -> SoftHsm:
    made = SoftHsm(folder, f"t-{uuid4().hex[:12]}", module)
    made.pin_file.write_text(f"{pin}\n")
    made.pin_file.chmod(0o600)
    _run("--init-token", "--free", "--label", made.label, "--pin", PIN, "--so-pin", _SO_PIN)
    # The library knows the tokens that were there when it was initialised.
    pkcs11.lib(str(module)).reinitialize()
    return made


def _run(*arguments: str) -> None:
    program = shutil.which("softhsm2-util")
    assert program is not None
    subprocess.run([program, *arguments], check=True, capture_output=True)

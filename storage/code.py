"""The verification code: 13 random Crockford base32 characters and one check character.

65 random bits identify a document; the ISO 7064 MOD 37,36 check character recognises every
single typo, and nearly every swap of neighbours, before any look-up.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 14

_ISO7064 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONFUSABLE = str.maketrans("OIL", "011")
_SEPARATORS = re.compile(r"[\s\-‐-―._]+")


def draw() -> str:
    """A new random code, without separators."""
    while True:
        body = "".join(secrets.choice(CROCKFORD) for _ in range(LENGTH - 1))
        check = _check_character(body)
        # The check alphabet has 36 characters; I, L, O and U are not printed, so draw again.
        if check in CROCKFORD:
            return body + check


def is_well_formed(code: str) -> bool:
    """Whether a normalised code has the right length, alphabet and check character."""
    return (
        len(code) == LENGTH
        and all(character in CROCKFORD for character in code)
        and _check_character(code[:-1]) == code[-1]
    )


def normalise(typed: str) -> str:
    """What a person or a handheld scanner typed, as a bare code.

    Accepts any case, spaces, hyphens, O for 0, I and L for 1, and a whole verification URL,
    with or without scheme or fragment. The result is not checked; see `is_well_formed`.
    """
    text = typed.strip()
    if "/" in text:
        try:
            path = urlsplit(text if "://" in text else "//" + text.lstrip("/")).path
        except ValueError:
            return ""  # a lone bracket (RFC 3986, 3.2.2): no address, and so no code
        text = path.rstrip("/").rsplit("/", 1)[-1]
    return _SEPARATORS.sub("", text.upper().partition("#")[0]).translate(_CONFUSABLE)


def printed(code: str) -> str:
    """The code as it stands beside the QR: ``7K3M9-QX2R4-TPXA``."""
    return "-".join((code[:5], code[5:10], code[10:]))


def _check_character(body: str) -> str:
    """ISO/IEC 7064 MOD 37,36, hybrid system with 36 characters."""
    product = 36
    for character in body:
        product = (product + _ISO7064.index(character)) % 36 or 36
        product = product * 2 % 37
    return _ISO7064[(37 - product) % 36]

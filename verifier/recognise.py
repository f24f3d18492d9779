"""What a file is that is no PDF, from its first bytes: read, never opened as what it claims to be.

Nothing is unpacked. Of a ZIP only the names in its directory are read, and of those a bounded number. Pure;
called inside the sandbox only.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

from verifier.report import Observation, printable

_HEAD_BYTES = 8192
# A ZIP's directory lies at its end; longer ones are not read.
_TAIL_BYTES = 1 << 20
_LAST_BYTES = 1 << 16  # the end record with its comment (APPNOTE, 4.3.16)
_MOST_NAMES = 5

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_ARMOUR = re.compile(rb"\s*-----BEGIN (PKCS7|CMS|CERTIFICATE|X509 CERTIFICATE|TRUSTED CERTIFICATE)-----")
_MAIL_HEADER = re.compile(
    rb"^(?:Received|Return-Path|Delivered-To|MIME-Version|Message-ID|From|To|Subject|Date|DKIM-Signature): ?",
    re.IGNORECASE | re.MULTILINE,
)
_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
# ISO 14496-12, 4.3: the brand behind "ftyp".
_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"avif": "AVIF",
}
_PICTURES = ((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"GIF8", "GIF"), (b"BM", "BMP"))
_OFFICE = {
    b"word/": "Word",
    b"xl/": "Excel",
    b"ppt/": "PowerPoint",
}


def recognise(content: bytes) -> Observation | None:
    """What a file is that cannot be checked as a PDF; None for a PDF, a photo, and what is not known.

    A CMS container comes before everything: it may carry a whole PDF near its beginning.
    """
    head = content[:_HEAD_BYTES]
    if head[:1] == b"\x30" and _SIGNED_DATA in head[:32]:
        return _cms(head)
    if armour := _ARMOUR.match(head):
        inner = armour[1]
        return Observation("INPUT_CERTIFICATE") if b"CERT" in inner else _armoured_cms(head)
    if b"%PDF-" in head[:1024] and not _begins_stored(head, content):
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head, content[-_TAIL_BYTES:])
    return _plain(head)


def _begins_stored(head: bytes, content: bytes) -> bool:
    """Whether a ZIP begins with a PDF that lies in it as it is, and is no PDF with something in front."""
    if not head.startswith(b"PK\x03\x04") or b"PK\x05\x06" not in content[-_LAST_BYTES:]:
        return False
    name, extra = struct.unpack_from("<HH", head, 26)
    return bool(head.find(b"%PDF-") >= 30 + name + extra)


def _plain(head: bytes) -> Observation | None:
    if head[4:8] == b"ftyp" and head[8:12] in _BRANDS:
        return Observation.of("INPUT_PICTURE", what=_BRANDS[head[8:12]])
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Observation.of("INPUT_PICTURE", what="WebP")
    for mark, name in _PICTURES:
        if head.startswith(mark):
            return Observation.of("INPUT_PICTURE", what=name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Observation.of("INPUT_OFFICE", what="Office 97–2003")
    if head.startswith(b"{\\rtf"):
        return Observation.of("INPUT_OFFICE", what="RTF")
    if _WEB_PAGE.match(head):
        return Observation("INPUT_WEB_PAGE")
    first, *rest = head.lstrip().splitlines() or [b""]
    if _MAIL_HEADER.match(first) and _MAIL_HEADER.search(b"\n".join(rest)):
        return Observation("INPUT_MAIL")
    return None


def _cms(head: bytes) -> Observation:
    """RFC 5652, 5.2: where the content is elsewhere, its type is all that its SEQUENCE holds."""
    at = head.find(_DATA)
    alone = head[at - 2 : at] == bytes((0x30, len(_DATA))) or head[at + len(_DATA) :].startswith(b"\0\0")
    attached = at >= 0 and not alone
    return Observation("INPUT_CMS_CONTAINER" if attached else "INPUT_CMS_DETACHED")


def _armoured_cms(head: bytes) -> Observation:
    lines = head.split(b"-----", 4)[2]
    text = b"".join(lines.split())
    try:
        return _cms(base64.b64decode(text[: len(text) // 4 * 4]))
    except (ValueError, binascii.Error):
        return Observation("INPUT_CMS_DETACHED")


def _zip(head: bytes, tail: bytes) -> Observation:
    # OpenDocument and ASiC begin with an uncompressed entry of this name (EN 319 162-1, A.1).
    if head[30:38] == b"mimetype":
        kind = head[38:120]
        if b"vnd.etsi.asic" in kind:
            return Observation("INPUT_SIGNATURE_CONTAINER")
        if b"opendocument" in kind:
            return Observation.of("INPUT_OFFICE", what="OpenDocument")
    names = _names(tail)
    if any(name.startswith(b"[Content_Types].xml") for name in names):
        program = next(
            (word for start, word in _OFFICE.items() if any(n.startswith(start) for n in names)), "Office"
        )
        return Observation.of("INPUT_OFFICE", what=program)
    pdfs = [name.decode("utf-8", "replace") for name in names if name.lower().endswith(b".pdf")]
    if not pdfs:
        return Observation("INPUT_ZIP_WITHOUT_PDF")
    listed = ", ".join(printable(name, 60) for name in pdfs[:_MOST_NAMES])
    more = f" (+{len(pdfs) - _MOST_NAMES})" if len(pdfs) > _MOST_NAMES else ""
    # A value holds 200 characters; how many there are has to be among them.
    return Observation.of("INPUT_ZIP", names=listed[: 190 - len(more)] + more)


def _names(tail: bytes) -> list[bytes]:
    """The names in a ZIP's central directory (APPNOTE, 4.3.12), as far as it lies in ``tail``."""
    names, at = [], tail.find(b"PK\x01\x02")
    while 0 <= at <= len(tail) - 46 and tail[at : at + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack_from("<HHH", tail, at + 28)
        names.append(tail[at + 46 : at + 46 + name])
        at += 46 + name + extra + comment
    return names

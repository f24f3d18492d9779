"""Why an uploaded file is refused, and what its sender can do."""

from __future__ import annotations

from storage.vocabulary import InvalidRequest

_SENTENCES = {
    "NOT_PDF": "This is not a PDF; send the PDF itself, not a picture, an archive or an Office file.",
    "UPLOAD_ENCRYPTED": "The PDF is encrypted; save it without a password and without restrictions.",
    "UPLOAD_XFA": "The PDF is an XFA form, which draws itself anew; print it into a plain PDF first.",
    "UPLOAD_DAMAGED": "The structure of the PDF is damaged; save it anew with the program that made it.",
    "UPLOAD_LIMIT": "Reading this PDF takes too much time or memory; save it anew, or in parts.",
    "UPLOAD_LOCKED": (
        "A signature in this PDF allows no further one; ask its signer for a file that allows it,"
        " or put your own document beside it."
    ),
    "UPLOAD_ALTERED": (
        "This PDF was changed after it was signed; get the original from its issuer and sign that."
    ),
    "UPLOAD_SIGNATURE_HARMED": (
        "One more signature would make an earlier one invalid; put your own document beside this file."
    ),
    "STAMP_HARMS_SIGNATURE": (
        "The stamp would hide something, or make an earlier signature invalid; choose a free place"
        " (--stamp PAGE:x,y,w,h), or sign without a stamp."
    ),
    "UPLOAD_TOO_LARGE": (
        "The service that holds this key signs whole files, of 50 MB at most; sign the file in parts, or with"
        " a key that signs hashes."
    ),
    "STAMP_ON_SIGNED": (
        "The service that holds this key signs unseen, and a stamp beside that would change what the"
        " signatures in this PDF cover; sign without a stamp."
    ),
    "STAMP_NO_PAGE": "The PDF has no such page; give one that it has.",
    "STAMP_OUTSIDE": "The stamp would lie outside of the page; its lower left corner is 0,0, in points.",
    "STAMP_NOT_FREE": "Other things are drawn where the stamp would lie; choose a free place or “auto”.",
    "STAMP_NO_ROOM": (
        "There is no free place for the stamp on that page; give one (--stamp PAGE:x,y,w,h),"
        " or sign without a stamp."
    ),
    "STAMP_NOT_DRAWN": "That page cannot be drawn, so nobody can see where it is free; sign without a stamp.",
}


class UploadRefused(InvalidRequest):
    """An uploaded file cannot be signed as it is. Its codes are those of `verifier.survey_answer.Survey`, and

    ``UPLOAD_ALTERED`` it was changed after it was signed · ``UPLOAD_SIGNATURE_HARMED`` and
    ``STAMP_HARMS_SIGNATURE`` a signature that it holds would be less valid than before · ``UPLOAD_TOO_LARGE``
    and ``STAMP_ON_SIGNED`` not with a key whose service signs whole files.
    """

    code = "UPLOAD_DAMAGED"


def refusal(code: str) -> UploadRefused:
    """The refusal with that code, in words."""
    return UploadRefused(_SENTENCES[code], code=code)

"""What happened to a file after each of its signatures: coverage, added bytes, later revisions.

Structure is judged on the bytes (`pdf_structure`), the meaning of a permitted revision by pyHanko's
difference policy. What neither explains is forbidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    ModificationLevel,
    SuspiciousModification,
)
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from verifier.pdf_structure import SignedRange, first_unexplained, is_white
from verifier.report import Changes, Covers, Observation


@dataclass(frozen=True)
class Aftermath:
    """What a signature covers and what came after it."""

    covers: Covers
    changes: Changes
    findings: tuple[Observation, ...] = ()


def first_unsigned_byte(pdf: bytes, reader: PdfFileReader, ends: Sequence[int]) -> int | None:
    """The first byte after the outermost signature that no revision explains; None where there is none.

    ``ends`` are where the signed ranges end. pyHanko calls a file with such a tail intact.
    """
    outermost = max(ends)
    if is_white(pdf, outermost):
        return None
    return first_unexplained(pdf, outermost, _offsets(reader))


def judge_aftermath(
    embedded: EmbeddedPdfSignature, signed: SignedRange, pdf: bytes, *, tail_explained: bool
) -> Aftermath:
    """Coverage and later changes of one signature (ISO 32000-2, 12.8.2.2, DocMDP)."""
    field = str(embedded.field_name)
    if is_white(pdf, signed.end):
        return Aftermath("whole_file", "none")
    if embedded.evaluate_signature_coverage() < SignatureCoverageLevel.ENTIRE_REVISION:
        return Aftermath("partial", "forbidden", (Observation.of("COVERAGE_PARTIAL", field=field),))
    if not tail_explained:
        return Aftermath("whole_revision", "forbidden")
    if embedded.reader.xrefs.hybrid_xrefs_present:
        # Two cross-reference tables, two documents: which one a reader shows after an update is open.
        return Aftermath(
            "whole_revision", "undetermined", (Observation.of("CHANGES_UNDETERMINED", field=field),)
        )
    permission = embedded.docmdp_level
    result = DEFAULT_DIFF_POLICY.review_file(
        embedded.reader, embedded.signed_revision, field_mdp_spec=embedded.fieldmdp, doc_mdp=permission
    )
    allowed = ModificationLevel.ANNOTATIONS.value if permission is None else permission.value
    if (
        isinstance(result, SuspiciousModification)
        or not isinstance(result, DiffResult)
        or result.modification_level is ModificationLevel.OTHER
        or result.modification_level.value > allowed
    ):
        # Revisions are counted from 1 for people; the one after the signed one is the first suspect.
        revision = embedded.signed_revision + 2
        return Aftermath(
            "whole_revision",
            "forbidden",
            (Observation.of("CHANGE_FORBIDDEN", field=field, revision=revision),),
        )
    findings: tuple[Observation, ...] = ()
    signature_fields = {name for name, _, _ in enumerate_sig_fields(embedded.reader)}
    if set(result.changed_form_fields) - signature_fields:
        findings = (Observation.of("FORM_FILLED", field=field),)
    return Aftermath("whole_revision", "permitted", findings)


def _offsets(reader: PdfFileReader) -> set[int]:
    """Every place where the cross-reference chain says that something begins."""
    places: set[int] = set()
    xrefs = reader.xrefs
    for revision in range(xrefs.total_revisions):
        information = xrefs.get_xref_container_info(revision)
        places.update((information.start_location, information.declared_startxref))
        data = xrefs.get_xref_data(revision)
        places.update(offset for _, offset in data.standard_xrefs.values())
        if data.hybrid is not None:
            places.add(data.hybrid.meta_info.start_location)
            places.update(offset for _, offset in data.hybrid.xref_data.standard_xrefs.values())
    return places

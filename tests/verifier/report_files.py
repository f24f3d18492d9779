"""Files of every kind that a validation report is asked about, by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyhanko.sign.fields import SigSeedSubFilter
from sample_files import (
    plain_pdf,
    signed_pdf,
    with_byte_range,
    with_document_timestamp,
    with_form_filled,
    with_page_overwritten,
    with_validation_data,
)
from small_pki import NOW, Pki, pki, revocation_list

DAY = timedelta(days=1)


def _whole_path(people: Pki) -> list[bytes]:
    return [revocation_list(people.ca, {}), revocation_list(people.root, {})]


def _long_term() -> bytes:
    return with_validation_data(signed_pdf(stamped=NOW - 3 * DAY), _whole_path(pki()))


def _revoked(stamped: datetime | None) -> bytes:
    people = pki()
    serial = people.officer.certificate.serial_number
    lists = [revocation_list(people.ca, {serial: NOW - 5 * DAY})]
    return with_validation_data(signed_pdf(stamped=stamped), lists)


def _twice() -> bytes:
    return signed_pdf(signed_pdf(stamped=NOW - DAY), by=pki().seal, field="Segel", stamped=NOW)


def _broken() -> bytes:
    return signed_pdf(stamped=NOW).replace(b"SIP 503/028", b"SIP 503/029")


# name: the file, and of each signature the indication and sub-indication.
KINDS: dict[str, tuple[Callable[[], bytes], tuple[tuple[str, str | None], ...]]] = {
    "B-B": (signed_pdf, (("total-passed", None),)),
    "B-T": (lambda: signed_pdf(stamped=NOW - DAY), (("total-passed", None),)),
    "B-LT": (_long_term, (("total-passed", None),)),
    "B-LTA": (lambda: with_document_timestamp(_long_term()), (("total-passed", None),)),
    "renewed": (
        lambda: with_document_timestamp(with_document_timestamp(_long_term(), NOW - DAY)),
        (("total-passed", None),),
    ),
    "time-stamp alone": (lambda: with_document_timestamp(plain_pdf()), (("total-passed", None),)),
    "two signatures": (_twice, (("total-passed", None), ("total-passed", None))),
    "RSA": (lambda: signed_pdf(by=pki().tsa), (("total-passed", None),)),
    "older format": (
        lambda: signed_pdf(sub_filter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED), (("total-passed", None),),
    ),
    "form filled": (lambda: with_form_filled(signed_pdf(stamped=NOW)), (("total-passed", None),)),
    "broken": (_broken, (("total-failed", "HASH_FAILURE"),)),
    "range": (
        lambda: with_byte_range(signed_pdf(), "0 10 20 9999999"), (("total-failed", "FORMAT_FAILURE"),),
    ),
    "changed later": (
        lambda: with_page_overwritten(signed_pdf(stamped=NOW)),
        (("indeterminate", "SIG_CONSTRAINTS_FAILURE"),),
    ),
    "stranger": (
        lambda: signed_pdf(by=pki().stranger), (("indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"),),
    ),
    "weak key": (
        lambda: signed_pdf(by=pki().weak), (("indeterminate", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),),
    ),
    "expired": (
        lambda: signed_pdf(by=pki().short_lived), (("indeterminate", "OUT_OF_BOUNDS_NO_POE"),),
    ),
    "expired since": (
        lambda: signed_pdf(by=pki().short_lived, stamped=datetime(2024, 6, 1, tzinfo=UTC)),
        (("total-passed", None),),
    ),
    "revoked": (lambda: _revoked(None), (("indeterminate", "REVOKED_NO_POE"),)),
    "revoked since": (lambda: _revoked(NOW - 10 * DAY), (("total-passed", None),)),
    "strange time-stamper": (
        lambda: signed_pdf(stamped=NOW, tsa=pki().strange_tsa), (("total-passed", None),),
    ),
    "unsigned": (plain_pdf, (("indeterminate", None),)),
    "unreadable": (lambda: b"%PDF-1.7\nnothing", (("indeterminate", None),)),
    "empty": (lambda: b"", (("indeterminate", None),)),
}  # fmt: skip

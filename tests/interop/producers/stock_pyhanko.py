"""Signs with pyHanko as it comes: no code of ours between it and the file."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import pem, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import add_validation_info
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

_RECTANGLE = (360, 640, 520, 690)


def make(authority: Path, base: bytes, steps: tuple[str, ...]) -> bytes:
    """The file that the steps make of ``base``."""
    pdf = base
    for number, step in enumerate(steps, 1):
        verb, *words = step.split()
        settings = {name: value for name, _, value in (word.partition("=") for word in words)}
        pdf = _VERBS[verb](_Authority(authority), pdf, settings, number)
    return pdf


class _Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def chain(self, name: str) -> list[x509.Certificate]:
        blocks = pem.unarmor((self._folder / f"{name}.chain.pem").read_bytes(), multiple=True)
        return [x509.Certificate.load(der) for _, _, der in blocks]

    def key(self, name: str) -> asn1_keys.PrivateKeyInfo:
        _, _, der = pem.unarmor((self._folder / f"{name}.key.pem").read_bytes())
        return asn1_keys.PrivateKeyInfo.load(der)

    def store(self, name: str) -> SimpleCertificateStore:
        return SimpleCertificateStore.from_certs(self.chain(name)[1:])

    def signer(self, name: str, *, pss: bool) -> signers.SimpleSigner:
        return signers.SimpleSigner(
            signing_cert=self.chain(name)[0],
            signing_key=self.key(name),
            cert_registry=self.store(name),
            prefer_pss=pss,
        )

    def stamper(self) -> DummyTimeStamper:
        return DummyTimeStamper(
            tsa_cert=self.chain("tsa")[0],
            tsa_key=self.key("tsa"),
            certs_to_embed=self.store("tsa"),
            fixed_dt=datetime.now(UTC),
        )

    def context(self) -> ValidationContext:
        chain = self.chain("tsa")
        lists = [
            asn1_crl.CertificateList.load((self._folder / name).read_bytes())
            for name in ("root.crl", "issuing.crl")
        ]
        return ValidationContext(
            trust_roots=[chain[-1]],
            other_certs=chain[:-1],
            crls=lists,
            allow_fetching=False,
            revocation_mode="require",
        )


_Settings = dict[str, str]


def _writer(pdf: bytes) -> IncrementalPdfFileWriter:
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    if writer.prev.encrypted:
        writer.encrypt("")
    return writer


def _sign(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    level, name = settings.get("level", "B"), settings.get("field", f"Tanda{number}")
    pades = settings.get("sub", "cades") == "cades"
    metadata = PdfSignatureMetadata(
        field_name=name,
        md_algorithm=settings.get("digest", "SHA-256").replace("-", "").lower(),
        reason="Uji coba",
        certify="certify" in settings,
        docmdp_permissions=fields.MDPPerm(int(settings.get("certify") or 2)),
        subfilter=fields.SigSeedSubFilter.PADES if pades else fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
        embed_validation_info=level in ("LT", "LTA"),
        use_pades_lta=level == "LTA",
        validation_context=authority.context() if level in ("LT", "LTA") else None,
    )
    place = fields.SigFieldSpec(name, box=_RECTANGLE) if "visible" in settings else None
    signer = PdfSigner(
        metadata,
        signer=authority.signer(settings.get("key", "rsa2048"), pss="pss" in settings),
        timestamper=authority.stamper() if level != "B" else None,
        new_field_spec=place,
    )
    out = BytesIO()
    signer.sign_pdf(_writer(pdf), output=out)
    return out.getvalue()


def _stamp(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    out = BytesIO()
    PdfTimeStamper(authority.stamper()).timestamp_pdf(_writer(pdf), "sha256", authority.context(), output=out)
    return out.getvalue()


def _extend(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    """Validation data about a file's first signature, as a later revision."""
    out = BytesIO()
    signature = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0]
    add_validation_info(signature, authority.context(), output=out)
    return out.getvalue()


def _renew(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    out = BytesIO()
    PdfTimeStamper(authority.stamper()).update_archival_timestamp_chain(
        PdfFileReader(BytesIO(pdf)), authority.context(), output=out, in_place=False
    )
    return out.getvalue()


def _field(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    y = int(settings.get("y", "640"))
    lock = None
    if "lock" in settings:
        action, _, names = settings["lock"].partition(":")
        lock = fields.FieldMDPSpec(
            fields.FieldMDPAction[action.upper()], fields=names.split(",") if names else None
        )
    writer = _writer(pdf)
    fields.append_signature_field(
        writer, fields.SigFieldSpec(settings["field"], box=(360, y, 520, y + 50), field_mdp_spec=lock)
    )
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _fill(authority: _Authority, pdf: bytes, settings: _Settings, number: int) -> bytes:
    """A text field's new value with its appearance, the way viewers write it."""
    writer = _writer(pdf)
    for reference in writer.root["/AcroForm"].raw_get("/Fields"):
        field = reference.get_object()
        if field["/T"] != settings["field"]:
            continue
        text = settings["value"]
        old = field["/AP"]["/N"]
        drawn = generic.StreamObject(
            {name: old.raw_get(name) for name in old if name not in ("/Length", "/Filter", "/DecodeParms")},
            stream_data=b"/Tx BMC q BT /Helv 11 Tf 2 5 Td (%s) Tj ET Q EMC" % text.encode("ascii"),
        )
        field["/V"] = generic.pdf_string(text)
        field["/AP"] = generic.DictionaryObject({generic.pdf_name("/N"): writer.add_object(drawn)})
        writer.mark_update(reference)
        out = BytesIO()
        writer.write(out)
        return out.getvalue()
    raise KeyError(settings["field"])


_VERBS = {"sign": _sign, "stamp": _stamp, "extend": _extend, "renew": _renew, "field": _field, "fill": _fill}

"""EU DSS, poppler and veraPDF about documents of ours: every level, provider and number of signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import SAMPLE
from tests.interop.issuing import FILES, SERVICES, SLOTS, TOKENS, Kind, Place, open_place
from tests.interop.judges import Judgement, judge_dss, pdfsig_verdicts
from tests.keys.softhsm import installed, make_place
from tests.services import missing
from tests.signer.test_signature import judge_verapdf, rendered
from tests.signer.uploads import ELSEWHERE, STAMP


@dataclass(frozen=True)
class Case:
    """A document: signed by these keys, each in its slot, as its type demands, and what is done to it later.

    ``stamps``: document time-stamps in it. ``bsre``: the level at which that service signs. ``told``: the
    levels of its signatures as EU DSS tells them, where that is not the type's.
    """

    keys: tuple[str, ...]
    level: str = "B-LT"
    stamps: int = 0
    outage: str = "wait"
    later: str = ""
    bsre: str = "b-t"
    told: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        roles = {1: SLOTS[2:3], 2: SLOTS[1:3], 4: SLOTS}[len(self.keys)]
        return Kind(self.level, roles, self.outage)

    @property
    def levels(self) -> tuple[str, ...]:
        return self.told or (self.level,) * len(self.keys)


_TWO, _FOUR = ("pkcs12-rsa2048", "pem-p256"), ("pem-p256", "pkcs11-rsa2048", "csc1-p256", "pkcs12-rsa2048")
CASES = {
    "b-b": Case(("pem-p256",), "B-B"),
    "b-t": Case(("pem-p256",), "B-T"),
    "b-lta": Case(("pem-p256",), "B-LTA", 1),
    "renewed-twice": Case(("pem-rsa2048",), "B-LTA", 3, later="renewed twice"),
    "in-an-outage": Case(("pem-p256",), "B-LTA", 0, "issue", told=("B-B",)),
    "after-an-outage": Case(("pem-p256",), "B-LTA", 2, "issue", later="raised"),
    **{key: Case((key,)) for key in (*FILES, *SERVICES, *TOKENS)},
    "bsre1": Case(("bsre1",)),
    "bsre1-b-lt": Case(("bsre1",), bsre="b-lt"),
    "bsre2": Case(("bsre2",)),
    "bsre2-b-b": Case(("bsre2",), stamps=1, bsre="b-b"),
    "bsre2-b-lta": Case(("bsre2",), "B-LTA", 1),
    "bsre-seal": Case(("bsre-seal",)),
    "bsre-and-seal": Case(("bsre2", "bsre-seal")),
    "two": Case(_TWO),
    "two-b-b": Case(_TWO, "B-B"),
    "two-b-lta": Case(_TWO, "B-LTA", 1),
    "two-renewed-twice": Case(_TWO, "B-LTA", 3, later="renewed twice"),
    "two-bsre-first": Case(("bsre1", "pem-p256")),
    "two-bsre-last": Case(("pkcs11-p256", "bsre2")),
    "four": Case(_FOUR),
    "four-b-lta": Case(_FOUR, "B-LTA", 1),
    "four-bsre": Case(("pem-p256", "pkcs11-pss", "bsre2", "csc2-pss")),
}


@dataclass(frozen=True)
class Upload:
    """A file that ``absah sign`` was given: a page of ours, or a case that was issued before.

    ``key`` is one whose owner types a passphrase; else it is a PKCS#12 file.
    """

    options: tuple[str, ...]
    levels: tuple[str, ...]
    stamps: int = 0
    source: str = ""
    key: str = ""


_REGISTERED = ("--number", "400/1", "--title", "Surat Tugas")
UPLOADS = {
    "upload-plain": Upload((), ("B-T",)),
    "upload-stamped": Upload(("--stamp", "auto", "--level", "B-LT"), ("B-LT",)),
    "upload-registered": Upload(("--stamp", "auto", "--level", "B-LTA", *_REGISTERED), ("B-LTA",), 1),
    "upload-bsre": Upload((), ("B-LT",), key="bsre1"),
    "upload-bsre-b-lta": Upload((), ("B-LTA",), 1, key="bsre2"),
    "upload-of-ours": Upload(("--stamp", "auto", "--level", "B-LT"), ("B-LT", "B-LT"), source="pem-p256"),
}

_VALID, _NOT_VERIFIED = "Signature is Valid.", "Signature has not yet been verified."


@dataclass(frozen=True)
class Issued:
    """Files by case; files of others, by what ours was made of them; the roots of all signatures."""

    ours: dict[str, Path]
    others: dict[Path, Path]
    roots: Path


@pytest.fixture(scope="module")
def pkcs11_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """The module in front of SoftHSM2, with a place for tokens; None where it is not installed."""
    with pytest.MonkeyPatch.context() as environment:
        found = installed()
        if found:
            place = make_place(tmp_path_factory.mktemp("softhsm"))
            environment.setenv("SOFTHSM2_CONF", str(place))
        yield found.get("p11-kit")


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory, pkcs11_module: Path | None) -> Issued:
    folder, foreign = tmp_path_factory.mktemp("issued"), tmp_path_factory.mktemp("others")
    kinds = list(dict.fromkeys(each.kind for each in CASES.values()))
    ours, others = {}, {}
    with open_place(tmp_path_factory.mktemp("place"), kinds, pkcs11_module) as place:
        for name, case in CASES.items():
            if pkcs11_module is None and not TOKENS.keys().isdisjoint(case.keys):
                continue
            ours[name] = folder / f"{name}.pdf"
            ours[name].write_bytes(issue(place, case))
        for name, upload in UPLOADS.items():
            ours[name] = folder / f"{name}.pdf"
            ours[name].write_bytes(ours[upload.source].read_bytes() if upload.source else rendered())
            if upload.key:
                place.countersign(ours[name], upload.key, STAMP, f"PAdES-{upload.levels[0]}")
            else:
                place.sign_upload(ours[name], "--key", "pkcs12-p256", *upload.options)
        for number, name in enumerate(ELSEWHERE):
            source = SAMPLE / "genuine" / f"{name}.pdf"
            kind, stamp = (("plain", None), ("stamped", STAMP))[number % 2]
            path = foreign / f"{name}-{kind}.pdf"
            path.write_bytes(source.read_bytes())
            place.countersign(path, "pkcs12-rsa2048", stamp)
            others[path] = source
        place.check()
    roots = foreign / "roots.pem"
    roots.write_bytes(place.roots)
    return Issued(ours, others, roots)


def issue(place: Place, case: Case) -> bytes:
    """The file of a case, after what is done to it later."""
    place.bsre.level = case.bsre
    if case.outage == "issue":
        pdf, document_id = place.issue_in_an_outage(case.kind, case.keys)
        if not case.later:
            return pdf
        place.raise_level()
    else:
        document_id = place.issue(case.kind, case.keys)
    if case.later == "renewed twice":
        place.extend(document_id)
        place.extend(document_id)
    return place.file(document_id)


def expected(name: str) -> tuple[tuple[str, ...], int]:
    """Levels of the signatures, and how many document time-stamps there are."""
    case = CASES.get(name) or UPLOADS[name]
    return case.levels, case.stamps


@pytest.fixture(scope="module")
def told_by_dss(jvm: None, issued: Issued) -> dict[Path, Judgement]:
    return judge_dss(
        [*issued.ours.values(), *issued.others, *dict.fromkeys(issued.others.values())], issued.roots
    )


def test_dss_tells_the_same_level_and_passes_it(issued: Issued, told_by_dss: dict[Path, Judgement]) -> None:
    for name, path in issued.ours.items():
        told, (levels, stamps) = told_by_dss[path], expected(name)
        assert told.why in ("", "undefined_changes"), (name, told)
        assert all(_leads_through_tags(each) for each in told.undefined_changes), (name, told)
        assert (told.signatures, told.document_timestamps) == (len(levels), stamps), (name, told)
        assert told.levels == tuple(f"PAdES-BASELINE-{each[2:]}" for each in levels), (name, told)
        # Without revocation data in the file it cannot conclude; nothing else may keep it from that.
        outcomes = (
            {"TOTAL_PASSED"} if {"B-B", "B-T"}.isdisjoint(levels) else {"TOTAL_PASSED", "INDETERMINATE"}
        )
        assert set(told.indications) <= outcomes, (name, told)
        assert set(told.subindications) <= {"null", "CERTIFICATE_CHAIN_GENERAL_FAILURE"}, (name, told)


def test_dss_finds_nothing_unexplained_in_what_others_signed(
    issued: Issued, told_by_dss: dict[Path, Judgement]
) -> None:
    for path, source in issued.others.items():
        told, before = told_by_dss[path], told_by_dss[source]
        assert told.why in ("", "undefined_changes"), (path.name, told)
        found = told.undefined_changes - before.undefined_changes
        assert all(_leads_through_tags(each) for each in found), (path.name, found)
        if path.stem.endswith("plain"):
            assert not found, (path.name, found)
        assert told.signatures == before.signatures + 1
        assert told.levels[:-1] == before.levels
        assert told.levels[-1] == "PAdES-BASELINE-T"


def _leads_through_tags(change: str) -> bool:
    """A field that the structure tree leads to, too; docs/interop.md says why DSS has no name for that."""
    return change.startswith("/Catalog /StructTreeRoot ")


@pytest.mark.parametrize("name", [*CASES, *UPLOADS])
def test_poppler_finds_every_signature_valid(issued: Issued, name: str) -> None:
    """It does not verify document time-stamps, and says so."""
    if name not in issued.ours:
        missing("SoftHSM2", "apt install softhsm2 libp11-kit0")
    levels, stamps = expected(name)
    told = pdfsig_verdicts(issued.ours[name])
    assert sorted(told) == sorted([_VALID] * len(levels) + [_NOT_VERIFIED] * stamps)


def test_poppler_finds_what_others_signed_valid(issued: Issued) -> None:
    for path, source in issued.others.items():
        assert pdfsig_verdicts(path) == [*pdfsig_verdicts(source), _VALID], path.name


def test_verapdf_finds_them_archival_and_accessible(issued: Issued) -> None:
    [folder] = {each.parent for each in issued.ours.values()}
    judge_verapdf({}, folder)

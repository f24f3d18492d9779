"""Certificate policies (RFC 5280, 6.1): each rule by itself, and random paths against pyHanko's validator."""

from __future__ import annotations

import asyncio
import functools
from random import Random
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cms_maker import KEYS, Maker, certify, wrap
from cryptography import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from small_pki import NOW

from verifier.certificate import read_certificate
from verifier.certificates import Evidence, judge_signer
from verifier.policies import are_policies_met

ANY, ONE, TWO, THREE = "2.5.29.32.0", "1.2.3.1", "1.2.3.2", "1.2.3.3"
Extensions = list[tuple[Any, bool]]
_key = functools.cache(lambda number: KEYS["p256"]())


def policies(*names: str) -> tuple[Any, bool]:
    found = [x509.PolicyInformation(x509.ObjectIdentifier(name), None) for name in names]
    return x509.CertificatePolicies(found), False


def required(after: int | None = None, *, no_mapping: int | None = None) -> tuple[Any, bool]:
    return x509.PolicyConstraints(after, no_mapping), True


def no_any(after: int) -> tuple[Any, bool]:
    return x509.InhibitAnyPolicy(after), True


def mapped(*pairs: tuple[str, str]) -> tuple[Any, bool]:
    encoded = [
        wrap(0x30, *(asn1_x509.PolicyIdentifier(name).dump() for name in pair))
        for pair in pairs
    ]  # fmt: skip
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), wrap(0x30, *encoded)), True


@functools.cache
def root() -> Maker:
    return certify("Akar", _key(0), None, ca=True)


def path(*extensions: Extensions, self_issued: frozenset[int] = frozenset()) -> list[Maker]:
    """Certificates below the root, from the top; the last one is the signer's."""
    made: list[Maker] = []
    above = root()
    for number, each in enumerate(extensions, 1):
        subject = above.certificate.subject if number in self_issued else None
        is_signer = number == len(extensions)
        above = certify(
            f"Tingkat {number}", _key(number), above, ca=not is_signer, extensions=each, subject=subject
        )
        made.append(above)
    return made


def is_met(*extensions: Extensions, self_issued: frozenset[int] = frozenset()) -> bool:
    made = path(*extensions, self_issued=self_issued)
    return are_policies_met([read_certificate(each.der) for each in reversed(made)])


@pytest.mark.parametrize(
    ("extensions", "met"),
    [
        # Nobody demands any.
        ([[], []], True),
        ([[policies(ONE)], [policies(TWO)]], True),
        # One is demanded, at once or from the certificate below on.
        ([[required(0)], []], False),
        ([[policies(ONE), required(0)], [policies(ONE)]], True),
        ([[policies(ONE), required(0)], [policies(TWO)]], False),
        ([[policies(ONE), required(0)], []], False),
        ([[policies(ANY), required(0)], [policies(TWO)]], True),
        ([[policies(ONE), required(0)], [policies(ANY)]], True),
        ([[required(2)], [], [policies(ONE)]], False),
        ([[required(3)], [], []], True),
        # The signer's own demand counts for itself (6.1.5, b).
        ([[], [required(0)]], False),
        ([[policies(ONE)], [policies(ONE), required(0)]], True),
        # anyPolicy no longer means any.
        ([[policies(ONE), required(0), no_any(0)], [policies(ANY)]], False),
        ([[policies(ONE), required(0), no_any(1)], [policies(ANY)]], True),
        ([[policies(ANY), required(0), no_any(0)], [policies(ONE)]], True),
        # Renamed below.
        ([[policies(ONE), required(0), mapped((ONE, TWO))], [policies(TWO)]], True),
        ([[policies(ONE), required(0), mapped((ONE, TWO))], [policies(ONE)]], False),
        ([[policies(ANY), required(0), mapped((ONE, TWO))], [policies(TWO)]], True),
        *(
            ([[policies(ONE), required(0, no_mapping=after)], [policies(ONE), mapped((ONE, TWO))],
              [policies(TWO)]], after > 0)
            for after in (0, 1)
        ),
        # 4.2.1.5: never from or to anyPolicy.
        ([[policies(ONE), mapped((ONE, ANY))], [policies(ONE)]], False),
        ([[policies(ANY), mapped((ANY, ONE))], [policies(ONE)]], False),
    ],
)  # fmt: skip
def test_a_policy_that_is_demanded_has_to_be_there(extensions: list[Extensions], met: bool) -> None:
    assert is_met(*extensions) is met
    made = path(*extensions)
    found = tuple(read_certificate(each.der) for each in made)
    answer = judge_signer(found[-1], Evidence((read_certificate(root().der),), found), NOW, time_proven=False)
    assert answer.subindication == (None if met else "CHAIN_CONSTRAINTS_FAILURE")
    assert answer.finding == (None if met else "SIGNER_UNSUITABLE")


def test_a_renewed_authority_counts_for_nothing() -> None:
    top: Extensions = [policies(ONE), required(1), no_any(1)]
    assert not is_met(top, [policies(ONE)], [])
    # 6.1.4 (h): its own certificate of the same name does not bring the demand nearer.
    assert is_met(top, [policies(ONE)], [policies(ANY)], self_issued=frozenset((2,)))


def _agrees(made: list[Maker]) -> bool:
    """Whether pyHanko's validator accepts the path."""
    context = ValidationContext(
        trust_roots=[root().asn1], allow_fetching=False, moment=NOW, revocation_mode="soft-fail"
    )
    validator = CertificateValidator(made[-1].asn1, [each.asn1 for each in made[:-1]], context)
    try:
        asyncio.run(validator.async_validate_path())
    except (PathError, ValidationError):
        return False
    return True


def _random_extensions(random: Random) -> Extensions:
    names = [ONE, TWO, THREE]
    found: Extensions = []
    if random.random() < 0.9:
        found.append(policies(*random.sample([*names, ANY], random.randint(1, 2))))
    if random.random() < 0.4:
        after, no_mapping = random.choice([(0, None), (1, None), (0, 0), (2, 1), (None, 0)])
        found.append(required(after, no_mapping=no_mapping))
    if random.random() < 0.25:
        found.append(no_any(random.randint(0, 2)))
    if random.random() < 0.25:
        found.append(mapped((random.choice(names), random.choice(names))))
    return found


def test_random_paths_are_judged_as_by_pyhanko() -> None:
    seed = 20261125
    random = Random(seed)
    outcomes = set()
    for number in range(150):
        made = path(*(_random_extensions(random) for _ in range(random.randint(2, 4))))
        met = are_policies_met([read_certificate(each.der) for each in reversed(made)])
        assert met == _agrees(made), f"seed {seed}, path {number}"
        outcomes.add(met)
    assert outcomes == {True, False}

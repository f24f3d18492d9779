"""``absah keys``: what may be told about the signing keys."""

from __future__ import annotations

import click
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from signer.commands.setup import prepare
from signer.parts import read_trust
from signer.settings import load_settings


@click.group()
def keys() -> None:
    """Signing keys and the roots that vouch for them."""


@keys.command()
def trust() -> None:
    """Print the roots as PEM: what a reader of our documents has to trust.

    \b
    absah keys trust > root.pem
    absah verify document.pdf --trust root.pem
    """
    settings = load_settings()
    prepare(settings)
    for certificate in read_trust(settings):
        fingerprint = certificate.fingerprint(SHA256()).hex(":").upper()
        click.echo(f"# {certificate.subject.rfc4514_string()}\n# SHA-256 {fingerprint}")
        click.echo(certificate.public_bytes(Encoding.PEM).decode(), nl=False)

"""``python -m signer`` is ``absah``."""

from signer.cli import main

main()

"""Whom this installation trusts: the operator's root certificates and the trusted lists that he added.

Nobody else is implied: where this folder is empty, no signer can be confirmed.
"""

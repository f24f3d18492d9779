"""What `verifier.sandbox` and its fork server say to each other, beside the descriptors that travel along."""

from __future__ import annotations

# To the server: a job with the digest of its anchors (job, result, a file that it maps), a set of anchors.
JOB = b"J"
ANCHORS = b"A"
DIGEST_BYTES = 32
# From it: ready, a child works on the job, none can be had, the anchors have to be told first.
READY = b"R"
FORKED = b"F"
REFUSED = b"E"
UNKNOWN = b"U"

# An argument of its command line, for development.
WITHOUT_FILTER = "--without-filter"

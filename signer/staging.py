"""Sweeping the staging area: what the cycle would have removed, had its worker not been killed.

The cycle removes the frozen bytes of a document once it is issued. Killed between the two, or
stopped for good by an officer who annuls the document, it leaves them behind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from signer.cycle import Workshop
from storage.database import reading
from storage.reading import final_documents
from storage.units import agencies

# Far beyond any lease: no worker that is still at it, however slow, loses an object under its hands.
_AGE = timedelta(hours=1)
# Parameters of one statement are limited, in SQLite to some ten thousand.
_AT_ONCE = 1000


def sweep_staging(workshop: Workshop) -> int:
    """Remove the old staging objects of documents that are final; returns how many.

    Raises:
        storage.vocabulary.Unavailable: the archive or the database does not answer.
    """
    register, archive = workshop.register, workshop.archive
    with reading(register.engine) as connection:
        ids = [agency.id for agency in agencies(connection)]
    removed = 0
    for agency_id in ids:
        latest = datetime.now(UTC) - _AGE
        old = [staged for staged in archive.list_staging(agency_id) if staged.since <= latest]
        for start in range(0, len(old), _AT_ONCE):
            part = old[start : start + _AT_ONCE]
            with reading(register.engine) as connection:
                final = final_documents(connection, agency_id, {staged.document_id for staged in part})
            for staged in part:
                if staged.document_id in final:
                    archive.remove_staging(staged.key)
                    removed += 1
    return removed

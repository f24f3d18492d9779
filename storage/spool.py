"""Notices written to a folder: what the embedded default does where no broker or mail server is set up.

One file per notice, named by its id, holding ids only. Writing the same notice again changes
nothing, so whoever reads the folder sees each event once.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from storage.steps import Notice
from storage.vocabulary import Unavailable


class Spool:
    """Delivers notices as files below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unavailable(error) from error

    def deliver(self, notice: Notice) -> None:
        """Write the notice durably.

        Raises:
            Unavailable: the folder cannot be written; the notice stays in the outbox.
        """
        target = self._folder / f"{notice.id}.json"
        # A name of its own: two workers may deliver one notice at the same moment.
        temporary = self._folder / f"{notice.id}-{threading.get_native_id()}.part"
        try:
            with temporary.open("w") as stream:
                json.dump(
                    {
                        "id": notice.id,
                        "event": notice.kind,
                        "agency": notice.agency_id,
                        "document": notice.document_id,
                    },
                    stream,
                )
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        except OSError as error:
            raise _unavailable(error) from error


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable(f"The spool folder cannot be written: {error.strerror}.", code="SPOOL")

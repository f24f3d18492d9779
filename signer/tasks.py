"""The same work as Celery tasks, for installations with a broker.

A message says only “look at document X”: losing, repeating or reordering messages changes nothing,
because the database is the queue and the worker's own loop picks up whatever no message came for.
"""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from signer.cycle import Workshop
from signer.worker import work_on

ISSUE_DOCUMENT = "absah.issue_document"
"""The task that moves one document on; arguments: agency id, document id."""


def create_celery(broker_url: str, workshop: Callable[[], Workshop]) -> Celery:
    """The Celery application; ``workshop`` is called once in each worker process."""
    app = Celery("absah", broker=broker_url)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        # Retries come from the database, so a failed or timed-out message is done with.
        task_acks_on_failure_or_timeout=True,
        task_soft_time_limit=60,
        task_time_limit=75,  # below the lease of 90 seconds
        task_serializer="json",
        accept_content=["json"],
    )
    opened: list[Workshop] = []

    @app.task(name=ISSUE_DOCUMENT)  # type: ignore[untyped-decorator]
    def issue_document(agency_id: str, document_id: str) -> None:
        if not opened:
            opened.append(workshop())
        work_on(opened[0], agency_id, document_id)

    return app

"""The processes that `serve` supervises, each of which can also be run by itself."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import click

from signer.commands.serve import SUPERVISOR
from signer.logs import log_as_json
from signer.settings import load_settings


@click.command()
def worker() -> None:
    """Issue what waits in the register, until stopped."""
    from signer.worker import run, settle, stop_on_signals
    from signer.workshop import development_transport, open_workshop

    log_as_json(logging.INFO)
    os.umask(0o077)
    settings = load_settings()
    stop = threading.Event()
    stop_on_signals(stop)
    _follow_supervisor()
    workshop = open_workshop(settings, development_transport(settings))
    settle()
    run(workshop, stop, time.monotonic, settings.worker_hands)


@click.command(hidden=True)
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=int, default=8000)
@click.option("--migrate", "first_migrate", is_flag=True, help="Bring the database up to date first.")
def web(host: str, port: int, first_migrate: bool) -> None:
    """Serve the agencies' API and the public pages on one port."""
    import uvicorn

    from signer.combined import create_combined_app
    from storage.database import migrate, open_database

    log_as_json(logging.INFO)
    _follow_supervisor()
    settings = load_settings()
    if first_migrate:
        engine = open_database(settings.database)
        migrate(engine)
        engine.dispose()
    uvicorn.run(
        create_combined_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        # Whose X-Forwarded-For counts is said by ABSAH_PROXIES, not by where a request comes from.
        proxy_headers=False,
    )


@click.command("development-tsa", hidden=True)
@click.option("--port", type=int, required=True)
def development_tsa(port: int) -> None:
    """Serve the development PKI's time-stamp authority on the loopback interface."""
    from keys.timestamp_server import serve as serve_timestamps

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _follow_supervisor()
    serve_timestamps(load_settings().keys_folder, "127.0.0.1", port)


def _follow_supervisor() -> None:
    """End with the supervisor, also when it was killed without a chance to stop us.

    Only under `serve`, which says so; a worker that an operator starts outlives its shell.
    """
    if SUPERVISOR not in os.environ:
        return
    supervisor = int(os.environ[SUPERVISOR])

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()

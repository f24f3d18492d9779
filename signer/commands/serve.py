"""``absah serve``: everything on one machine, as separate processes under a small supervisor.

The web process has no key; the worker is the only one that opens one; the development TSA runs
by itself and only while no real one is set. The supervisor starts them, starts one again that
died, and stops all together.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import click

# Little is imported here, and the database not even opened: whoever starts waits for it.
from signer.commands.data import first_run_file, is_first_run, make_folder, read_json, write_private
from signer.settings import Settings, load_settings
from storage.vocabulary import Misconfigured

SUPERVISOR = "ABSAH_SUPERVISOR"
"""Set for the processes that `serve` starts: its own process id."""

_RESTART_SECONDS = 1.0
_START_SECONDS = 60.0


@dataclass
class _Child:
    arguments: tuple[str, ...]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "signer", *self.arguments]
        self.process = subprocess.Popen(command, env=self.environment, start_new_session=True)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder (ABSAH_DATA).")
@click.option("--lan", is_flag=True, help="Serve on the local network, with that address in the QR codes.")
def serve(port: int, data: Path | None, lan: bool) -> None:
    """Serve issuing and checking on one port; the first start sets everything up.

    \b
    absah serve                     http://127.0.0.1:8000, data in ./data
    absah serve --port 8123 --data /srv/absah
    absah serve --lan               for a phone in the same network
    """
    settings = load_settings(
        data=data.absolute() if data else Path(os.environ.get("ABSAH_DATA", "data")).absolute()
    )
    host = _lan_address() if lan else "127.0.0.1"
    url = settings.public_url or f"http://{host}:{port}"
    make_folder(settings.data)
    _check_port(host if not lan else "0.0.0.0", port)  # noqa: S104 - --lan asks for exactly this

    environment = {**os.environ, "ABSAH_DATA": str(settings.data), "ABSAH_PUBLIC_URL": url}
    environment.pop("PYTHONPATH", None)
    environment[SUPERVISOR] = str(os.getpid())
    _set_up(settings, environment, url)

    worker_environment = dict(environment)
    # The web process is not even told where keys are.
    web_environment = {name: value for name, value in environment.items() if name != "ABSAH_KEYS_FILE"}
    bind = "0.0.0.0" if lan else "127.0.0.1"  # noqa: S104
    children = [_Child(("web", "--migrate", "--host", bind, "--port", str(port)), web_environment)]
    if settings.tsa_url is None and settings.tsa_file is None:
        tsa_port = _free_port()
        worker_environment["ABSAH_TSA_URL"] = f"http://127.0.0.1:{tsa_port}"
        if settings.ocsp_url is None:
            worker_environment["ABSAH_OCSP_URL"] = f"http://127.0.0.1:{tsa_port}/ocsp"
        children.append(_Child(("development-tsa", "--port", str(tsa_port)), environment))
    children.append(_Child(("worker",), worker_environment))
    _supervise(children, host, port, settings, url, lan)


def _set_up(settings: Settings, environment: dict[str, str], url: str) -> None:
    """On the first start of a development installation, make everything to try it with."""
    if is_first_run(settings):
        # In a process of its own: the supervisor, which lives long, never sees a key.
        finished = subprocess.run([sys.executable, "-m", "signer", "set-up"], env=environment, check=False)
        if finished.returncode != 0:
            raise SystemExit(finished.returncode)
    first_run = read_json(first_run_file(settings))
    if first_run is not None and first_run["url"] != url:
        write_private(first_run_file(settings), {**first_run, "url": url})


def _supervise(children: list[_Child], host: str, port: int, settings: Settings, url: str, lan: bool) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        # Pages first: whoever opens one should not wait for what issues documents.
        children[0].start()
        _wait_for_port(host, port, children, stop)
        if not stop.is_set():
            _greet(settings, url, lan)
        for child in children[1:]:
            child.start()
        while not stop.wait(_RESTART_SECONDS):
            for child in children:
                if child.process is not None and child.process.poll() is not None:
                    click.echo(f"“{child.arguments[0]}” ended; starting it again.", err=True)
                    child.start()
    finally:
        for child in reversed(children):
            child.stop()


def _wait_for_port(host: str, port: int, children: list[_Child], stop: threading.Event) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not stop.is_set():
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        for child in children:
            if child.process is not None and child.process.poll() not in (None, 0):
                raise SystemExit(child.process.returncode)
        if time.monotonic() > deadline:
            raise Misconfigured("The web process did not start within a minute; see the messages above.")
        stop.wait(0.03)


def _greet(settings: Settings, url: str, lan: bool) -> None:
    click.echo(f"\nOpen {url}")
    first_run = read_json(first_run_file(settings))
    if first_run is not None:
        agency = next(
            (each for each in first_run["agencies"] if each.get("example")), first_run["agencies"][0]
        )
        click.echo(f"Specimens in every state, and files to upload: {url}/specimens")
        click.echo("\nIssue a document:\n")
        click.echo(
            f"  curl -s {url}/api/v1/documents -H 'Authorization: Bearer {agency['api_key']}' \\\n"
            f"    -H 'Idempotency-Key: first' -H 'Content-Type: application/json' \\\n"
            f"    --data @{settings.data / agency['example']}\n"
        )
    if lan:
        click.echo(f"On a phone in the same network, scan this; it opens {url}\n")
        _print_qr(url)
    click.echo("Stop with Ctrl-C.")


def _print_qr(url: str) -> None:
    import qrcode

    symbol = qrcode.QRCode(border=2)
    symbol.add_data(url)
    symbol.print_ascii(invert=True)


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(
                f"Port {port} cannot be used ({error.strerror}); choose another: --port, or make run PORT=.",
                code="PORT_TAKEN",
            ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _lan_address() -> str:
    """The address of this machine in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation, RFC 5737
            return str(probe.getsockname()[0])
        except OSError as error:
            raise Misconfigured(
                "This machine has no address in a local network; start without --lan."
            ) from error

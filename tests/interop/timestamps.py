"""A time-stamp authority of the corpus's own CA over HTTP, for producers that know no other way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keys.software import load_pem
from keys.timestamp_server import REPLY_TYPE, DevelopmentTimeStampAuthority


@contextmanager
def timestamp_server(authority: Path) -> Iterator[str]:
    """Serves on loopback while the block runs; yields the address."""
    key = load_pem(authority / "tsa.key.pem", authority / "tsa.chain.pem", None, key_id="tsa")
    stamps = DevelopmentTimeStampAuthority(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply = stamps.respond(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", REPLY_TYPE)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: producers print what fails."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/"
        finally:
            listening.shutdown()
            thread.join()

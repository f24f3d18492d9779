from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from small_pki import NOW, Pki, pki

from tests.journeys.public_site import Made, make_data, parts, public_app, served
from tests.services import free_port, missing
from verifier.sandbox import Sandbox

_CHROMIUM = "/usr/bin/chromium"
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_data(tmp_path_factory.getbasetemp() / "public-site")


# Of the package, not of the session: while it is open, its event loop runs in this thread, and
# whatever wants one of its own (such as signing with pyHanko) could not be tested.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if shutil.which(_CHROMIUM) is None:
        missing("Chromium", "apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(made: Made) -> Iterator[str]:
    """The public side as a server; QR codes of its own address are its own."""
    port = free_port()
    app = public_app(parts(made, Sandbox(), hosts=(f"127.0.0.1:{port}", "cek.contoh.example")))
    with served(app, port) as url:
        yield url


@pytest.fixture(scope="session")
def people() -> Pki:
    return pki()


@pytest.fixture(scope="session")
def others_site(made: Made, people: Pki) -> Iterator[str]:
    """The same where the signers of another agency, whose register is not ours, are trusted."""
    trusting = parts(made, Sandbox(), anchors=(people.root.pem,), clock=lambda: NOW)
    with served(public_app(trusting)) as url:
        yield url


@pytest.fixture(scope="session")
def silent_site(made: Made) -> Iterator[str]:
    """The same where the register does not answer."""
    with served(public_app(parts(made, Sandbox(), lookup=Made(made.data / "nowhere", {}).lookup))) as url:
        yield url

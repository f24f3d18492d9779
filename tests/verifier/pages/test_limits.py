from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from starlette.requests import Request

from storage import code
from tests.journeys.public_site import Made, parts, public_app, served
from verifier.limits import Allowance, Networks, RateLimited
from verifier.sandbox import Sandbox

from .test_files import _no_lifespan


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def spend(allowance: Allowance, network: str, times: int) -> tuple[int, int]:
    """How many attempts were let through, and how many refused."""

    async def all_at_once() -> list[object]:
        return list(
            await asyncio.gather(*(allowance.spend(network) for _ in range(times)), return_exceptions=True)
        )

    results = asyncio.run(all_at_once())
    refused = sum(isinstance(result, RateLimited) for result in results)
    assert refused + results.count(None) == times
    return times - refused, refused


def test_attempts_are_free_then_slow_then_refused_and_forgiven() -> None:
    clock = Clock()
    allowance = Allowance(free=5, most=10, forgiven_every=10, longest_delay=0.2, clock=clock)
    began = time.monotonic()
    assert spend(allowance, "a", 5) == (5, 0)
    assert time.monotonic() - began < 0.1
    began = time.monotonic()
    # At once, so that a burst gains nothing.
    assert spend(allowance, "a", 20) == (5, 15)
    assert time.monotonic() - began >= 0.2
    assert spend(allowance, "b", 1) == (1, 0)
    clock.now += 30
    assert spend(allowance, "a", 5) == (3, 2)
    with pytest.raises(RateLimited) as refused:
        asyncio.run(allowance.spend("a"))
    assert refused.value.retry_after == 10


def test_the_memory_of_networks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.limits._NETWORKS", 3)
    allowance = Allowance(free=5, most=5, clock=Clock())
    for network in "abcd":
        spend(allowance, network, 5)
    assert set(allowance._levels) == set("bcd")


def request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "headers": headers, "client": (peer, 1)})


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("203.0.113.9", (), "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", (), "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", (), "203.0.113.0/24"),
        # A stranger's header is not read; a proxy's is, from its end.
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.0/24"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.0/24"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.1",), "198.51.100.0/24"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.1, 10.0.0.2"), "198.51.100.0/24"),
        ("10.0.0.1", ("nonsense",), ""),
        ("10.0.0.1", (), "10.0.0.0/24"),
        ("testclient", (), ""),
    ],
)
def test_networks(peer: str, forwarded: tuple[str, ...], network: str) -> None:
    assert Networks(("10.0.0.0/8",)).of(request(peer, *forwarded)) == network


def test_probing_is_refused_and_existing_codes_stay_reachable(made: Made, sandbox: Sandbox) -> None:
    app = public_app(parts(made, sandbox))
    app.router.lifespan_context = _no_lifespan
    good = made.codes["valid"]

    async def probe(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:

            async def miss(number: int) -> httpx.Response:
                # A header that everybody can write gives no new allowance.
                spoofed = {"X-Forwarded-For": f"198.51.{number}.1"}
                return await client.get(f"/api/v1/codes/{code.draw()}", headers=spoofed)

            answers = await asyncio.gather(*(miss(number) for number in range(80)))
            statuses = [answer.status_code for answer in answers]
            # A few are forgiven while the burst lasts.
            assert 60 <= statuses.count(404) <= 65
            assert statuses.count(404) + statuses.count(429) == 80
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.json()["code"] == "RATE_LIMITED"
            assert int(refused.headers["retry-after"]) >= 1
            page = await client.get(f"/d/{code.draw()}", headers={"Accept": "text/html"})
            assert (page.status_code, "Terlalu banyak percobaan" in page.text) == (429, True)
            assert "retry-after" in page.headers
            # Typing errors are nobody's guess.
            assert (await client.get("/api/v1/codes/7K3M9")).status_code == 404
            began = time.monotonic()
            assert (await client.get(f"/api/v1/codes/{good}")).status_code == 200
            assert time.monotonic() - began < 1
            for _ in range(20):
                answered = await client.post(f"/d/{good}/compare", data={"nama": "A"})
                assert answered.status_code == 200

    with served(app) as url:
        asyncio.run(probe(url))

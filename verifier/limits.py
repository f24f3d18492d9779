"""How often one network may miss: guessing is slowed, looking up what exists never is.

Only well-formed codes that nobody was given count, and blind comparisons: the check character filters
typing errors, so these are probing, or somebody at a counter having a bad day. A bank or a mobile
carrier shares one address, so nobody is ever locked out: a code that exists is answered at once
whatever its network did before. What keeps a code from being guessed is its 65 random bits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic

from starlette.requests import Request

from storage.vocabulary import AbsahError

_NETWORKS = 20_000


class RateLimited(AbsahError):
    """This network missed too often; it may go on after ``retry_after`` seconds."""

    code = "RATE_LIMITED"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many attempts from this network. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Allowance:
    """A leaky bucket for each network: ``free`` at once, then slower and slower, at ``most`` refused.

    One attempt is forgiven every ``forgiven_every`` seconds. The memory is bounded: the networks that
    were quiet for longest are forgotten first.
    """

    def __init__(
        self,
        *,
        free: int = 20,
        most: int = 60,
        forgiven_every: float = 10.0,
        longest_delay: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._free, self._most = free, most
        self._forgiven_every = forgiven_every
        self._longest_delay = longest_delay
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def spend(self, network: str) -> None:
        """Count one attempt, after a delay that grows with those before it.

        Raises:
            RateLimited: the network used up all that it may.
        """
        level = self._level(network)
        if level >= self._most:
            seconds = (level - self._most + 1) * self._forgiven_every
            raise RateLimited(max(1, round(seconds)))
        # Counted before the delay, so that a hundred at once are a hundred.
        self._levels[network] = (level + 1, self._clock())
        self._levels.move_to_end(network)
        if len(self._levels) > _NETWORKS:
            self._levels.popitem(last=False)
        if level >= self._free:
            share = (level + 1 - self._free) / (self._most - self._free)
            await asyncio.sleep(self._longest_delay * min(1.0, share))

    def _level(self, network: str) -> float:
        level, since = self._levels.get(network, (0.0, 0.0))
        return max(0.0, level - (self._clock() - since) / self._forgiven_every)


class Networks:
    """Tells the network that a request comes from: /24 of IPv4, /64 of IPv6.

    ``X-Forwarded-For`` is written by anybody; it is believed only from ``proxies``, addresses or
    networks of our own, and only back to the first address that is none of them.
    """

    def __init__(self, proxies: Sequence[str] = ()) -> None:
        self._proxies: list[IPv4Network | IPv6Network] = [
            ip_network(proxy, strict=False) for proxy in proxies
        ]

    def of(self, request: Request) -> str:
        """The network as text; empty where the server was not told (a Unix socket)."""
        address = request.client.host if request.client is not None else ""
        if self._is_proxy(address):
            forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
            for hop in reversed([hop.strip() for hop in forwarded if hop.strip()]):
                address = hop
                if not self._is_proxy(hop):
                    break
        return _network(address)

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        # Not an address: everything like it shares one allowance.
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))

"""ECDSA on the Brainpool curves that the library leaves out (RFC 5639; FIPS 186-4, 6.4).

Only verification, so nothing here is secret and plain integers serve. A key that spells its curve out is
taken for the listed curve with the very same numbers, generator included; for no other (CVE-2020-0601).
"""

from __future__ import annotations

from dataclasses import dataclass

from verifier.ber import OID, BerError, Element

_Point = tuple[int, int, int]  # Jacobian coordinates; z = 0 is the neutral element
_NEUTRAL: _Point = (1, 1, 0)


@dataclass(frozen=True)
class _Curve:
    """y² = x³ + ax + b modulo p, with a generator of prime order n and cofactor 1."""

    p: int
    a: int
    b: int
    x: int
    y: int
    n: int


@dataclass(frozen=True)
class CurveKey:
    """A public point."""

    curve: _Curve
    x: int
    y: int

    @property
    def key_size(self) -> int:
        """Bits of the field."""
        return self.curve.p.bit_length()

    def is_signed(self, digest: bytes, r: int, s: int) -> bool:
        """Whether (r, s) is this key's signature of ``digest``."""
        order = self.curve.n
        if not (0 < r < order and 0 < s < order):
            return False
        value = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - order.bit_length())
        inverse = pow(s, -1, order)
        point = self._combine(value * inverse % order, r * inverse % order)
        if point[2] == 0:
            return False
        z = pow(point[2], -1, self.curve.p)
        return (point[0] * z * z % self.curve.p) % order == r

    def _combine(self, u: int, v: int) -> _Point:
        """The generator taken u times plus this point v times, both bits at a time."""
        base: _Point = (self.curve.x, self.curve.y, 1)
        own: _Point = (self.x, self.y, 1)
        both = _add(base, own, self.curve)
        choices = (_NEUTRAL, base, own, both)
        point = _NEUTRAL
        for bit in reversed(range(max(u.bit_length(), v.bit_length()))):
            point = _double(point, self.curve)
            choice = (u >> bit & 1) | (v >> bit & 1) << 1
            if choice:
                point = _add(point, choices[choice], self.curve)
        return point


def read_key(parameters: Element, point: bytes) -> CurveKey:
    """The key with these ECParameters (RFC 3279, 2.3.5).

    Raises:
        BerError: the curve is not listed here, or the point not on it.
    """
    curve = _CURVES.get(parameters.oid()) if parameters.tag == OID else _spelled_out(parameters)
    size = (curve.p.bit_length() + 7) // 8 if curve else 0
    if curve is None or len(point) < size + 1:
        raise BerError("curve")
    x = int.from_bytes(point[1 : size + 1], "big")
    square = (x * x * x + curve.a * x + curve.b) % curve.p
    if point[0] == 4 and len(point) == 2 * size + 1:
        y = int.from_bytes(point[size + 1 :], "big")
    elif point[0] in (2, 3) and len(point) == size + 1:
        # Every p here leaves 3 when divided by 4, or the root is found wrong and refused below.
        y = pow(square, (curve.p + 1) // 4, curve.p)
        y = y if y & 1 == point[0] & 1 else curve.p - y
    else:
        raise BerError("point")
    if x >= curve.p or y >= curve.p or y * y % curve.p != square:
        raise BerError("point")
    return CurveKey(curve, x, y)


def _spelled_out(parameters: Element) -> _Curve | None:
    _, field, equation, base, order = parameters.children[:5]
    p = field.children[1].integer()
    a, b = (int.from_bytes(part.octets(), "big") for part in equation.children[:2])
    generator = base.octets()
    size = (p.bit_length() + 7) // 8
    x = int.from_bytes(generator[1 : size + 1], "big")
    for curve in _CURVES.values():
        uncompressed = generator[:1] == b"\x04" and int.from_bytes(generator[size + 1 :], "big") == curve.y
        compressed = generator[:1] == bytes((2 + (curve.y & 1),)) and len(generator) == size + 1
        same = (curve.p, curve.a, curve.b, curve.x, curve.n) == (p, a, b, x, order.integer())
        if same and (uncompressed or compressed):
            return curve
    return None


def _double(point: _Point, curve: _Curve) -> _Point:
    x, y, z = point
    if z == 0 or y == 0:
        return _NEUTRAL
    p = curve.p
    square = y * y % p
    s = 4 * x * square % p
    m = (3 * x * x + curve.a * pow(z, 4, p)) % p
    doubled = (m * m - 2 * s) % p
    return doubled, (m * (s - doubled) - 8 * square * square) % p, 2 * y * z % p


def _add(first: _Point, second: _Point, curve: _Curve) -> _Point:
    if first[2] == 0:
        return second
    if second[2] == 0:
        return first
    p = curve.p
    x1, y1, z1 = first
    x2, y2, z2 = second
    z1z1, z2z2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * z2z2 % p, x2 * z1z1 % p
    s1, s2 = y1 * z2 * z2z2 % p, y2 * z1 * z1z1 % p
    if u1 == u2:
        return _double(first, curve) if s1 == s2 else _NEUTRAL
    h, r = u2 - u1, s2 - s1
    h2 = h * h % p
    h3, v = h * h2 % p, u1 * h2 % p
    x3 = (r * r - h3 - 2 * v) % p
    return x3, (r * (v - x3) - s1 * h3) % p, h * z1 * z2 % p


def _curve(*numbers: str) -> _Curve:
    return _Curve(*(int(number, 16) for number in numbers))


# RFC 5639, 3 and 4: p, a, b, generator, order.
_NUMBERS = {
    # brainpoolP160r1
    "1.3.36.3.3.2.8.1.1.1": (
        "e95e4a5f737059dc60dfc7ad95b3d8139515620f",
        "340e7be2a280eb74e2be61bada745d97e8f7c300",
        "1e589a8595423412134faa2dbdec95c8d8675e58",
        "bed5af16ea3f6a4f62938c4631eb5af7bdbcdbc3",
        "1667cb477a1a8ec338f94741669c976316da6321",
        "e95e4a5f737059dc60df5991d45029409e60fc09",
    ),
    # brainpoolP192r1
    "1.3.36.3.3.2.8.1.1.3": (
        "c302f41d932a36cda7a3463093d18db78fce476de1a86297",
        "6a91174076b1e0e19c39c031fe8685c1cae040e5c69a28ef",
        "469a28ef7c28cca3dc721d044f4496bcca7ef4146fbf25c9",
        "c0a0647eaab6a48753b033c56cb0f0900a2f5c4853375fd6",
        "14b690866abd5bb88b5f4828c1490002e6773fa2fa299b8f",
        "c302f41d932a36cda7a3462f9e9e916b5be8f1029ac4acc1",
    ),
    # brainpoolP192t1
    "1.3.36.3.3.2.8.1.1.4": (
        "c302f41d932a36cda7a3463093d18db78fce476de1a86297",
        "c302f41d932a36cda7a3463093d18db78fce476de1a86294",
        "13d56ffaec78681e68f9deb43b35bec2fb68542e27897b79",
        "3ae9e58c82f63c30282e1fe7bbf43fa72c446af6f4618129",
        "097e2c5667c2223a902ab5ca449d0084b7e5b3de7ccc01c9",
        "c302f41d932a36cda7a3462f9e9e916b5be8f1029ac4acc1",
    ),
    # brainpoolP224r1
    "1.3.36.3.3.2.8.1.1.5": (
        "d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ff",
        "68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43",
        "2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400b",
        "0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07d",
        "58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cd",
        "d7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939f",
    ),
    # brainpoolP224t1
    "1.3.36.3.3.2.8.1.1.6": (
        "d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ff",
        "d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0fc",
        "4b337d934104cd7bef271bf60ced1ed20da14c08b3bb64f18a60888d",
        "6ab1e344ce25ff3896424e7ffe14762ecb49f8928ac0c76029b4d580",
        "0374e9f5143e568cd23f3f4d7c0d4b1e41c8cc0d1c6abd5f1a46db4c",
        "d7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939f",
    ),
    # brainpoolP256r1
    "1.3.36.3.3.2.8.1.1.7": (
        "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    ),
    # brainpoolP256t1
    "1.3.36.3.3.2.8.1.1.8": (
        "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5374",
        "662c61c430d84ea4fe66a7733d0b76b7bf93ebc4af2f49256ae58101fee92b04",
        "a3e8eb3cc1cfe7b7732213b23a656149afa142c47aafbc2b79a191562e1305f4",
        "2d996c823439c56d7f7b22e14644417e69bcb6de39d027001dabe8f35b25c9be",
        "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    ),
    # brainpoolP320r1
    "1.3.36.3.3.2.8.1.1.9": (
        "d35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27",
        "3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4",
        "520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6",
        "43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611",
        "14fdd05545ec1cc8ab4093247f77275e0743ffed117182eaa9c77877aaac6ac7d35245d1692e8ee1",
        "d35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311",
    ),
    # brainpoolP320t1
    "1.3.36.3.3.2.8.1.1.10": (
        "d35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27",
        "d35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e24",
        "a7f561e038eb1ed560b3d147db782013064c19f27ed27c6780aaf77fb8a547ceb5b4fef422340353",
        "925be9fb01afc6fb4d3e7d4990010f813408ab106c4f09cb7ee07868cc136fff3357f624a21bed52",
        "63ba3a7a27483ebf6671dbef7abb30ebee084e58a0b077ad42a5a0989d1ee71b1b9bc0455fb0d2c3",
        "d35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311",
    ),
    # brainpoolP384r1
    "1.3.36.3.3.2.8.1.1.11": (
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
        "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
        "1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
        "8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    ),
    # brainpoolP384t1
    "1.3.36.3.3.2.8.1.1.12": (
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec50",
        "7f519eada7bda81bd826dba647910f8c4b9346ed8ccdc64e4b1abd11756dce1d2074aa263b88805ced70355a33b471ee",
        "18de98b02db9a306f2afcd7235f72a819b80ab12ebd653172476fecd462aabffc4ff191b946a5f54d8d0aa2f418808cc",
        "25ab056962d30651a114afd2755ad336747f93475b7a1fca3b88f2b6a208ccfe469408584dc2b2912675bf5b9e582928",
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    ),
    # brainpoolP512r1
    "1.3.36.3.3.2.8.1.1.13": (
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842"
        "aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa1"
        "0a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
        "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d"
        "77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
        "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d"
        "50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
        "7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e"
        "5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619"
        "418661197fac10471db1d381085ddaddb58796829ca90069",
    ),
    # brainpoolP512t1
    "1.3.36.3.3.2.8.1.1.14": (
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842"
        "aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842"
        "aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f0",
        "7cbbbcf9441cfab76e1890e46884eae321f70c0bcb4981527897504bec3e36a62bcdfa2304976540"
        "f6450085f2dae145c22553b465763689180ea2571867423e",
        "640ece5c12788717b9c1ba06cbc2a6feba85842458c56dde9db1758d39c0313d82ba51735cdb3ea4"
        "99aa77a7d6943a64f7a3f25fe26f06b51baa2696fa9035da",
        "5b534bd595f5af0fa2c892376c84ace1bb4e3019b71634c01131159cae03cee9d9932184beef216b"
        "d71df2dadf86a627306ecff96dbb8bace198b61e00f8b332",
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619"
        "418661197fac10471db1d381085ddaddb58796829ca90069",
    ),
}
_CURVES = {identifier: _curve(*numbers) for identifier, numbers in _NUMBERS.items()}

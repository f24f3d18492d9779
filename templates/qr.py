"""The QR symbol of a document, as an SVG that fills its reserved zone.

ISO/IEC 18004 lets an encoder choose among eight mask patterns and asks it to score all of them;
any reader accepts any mask, because the symbol names its own. Scoring costs 80 % of the time, and
on these symbols reading rates do not differ, so the mask is fixed.
"""

from __future__ import annotations

from functools import lru_cache

import qrcode
from qrcode.constants import ERROR_CORRECT_M

ZONE_MM = 34.0
_SYMBOL_MM = 30.0
_QUIET_MODULES = 4
_MASK = 2


def symbol(text: str) -> tuple[tuple[bool, ...], ...]:
    """The modules of ``text`` in byte or numeric mode, error correction M, without quiet zone.

    Rows from the top; True is dark. Level M because, at the density of a sealed payload, higher
    levels lose more to smaller modules than they gain against damage.
    """
    # A run of 20 digits switches to numeric mode, which pays only in a sealed payload.
    optimize = 20 if sum(character.isdigit() for character in text) >= 20 else 0
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, mask_pattern=_MASK, border=0)
    code.add_data(text, optimize=optimize)
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.modules)


@lru_cache(maxsize=16)
def svg(text: str) -> str:
    """``text`` as an SVG of 34 mm: at most 30 mm of symbol with at least four modules of quiet zone."""
    rows = symbol(text)
    size = len(rows)
    module = min(_SYMBOL_MM / size, ZONE_MM / (size + 2 * _QUIET_MODULES))
    side = ZONE_MM / module
    margin = (side - size) / 2
    path = "".join(_draw_row(row, number) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{ZONE_MM}mm" height="{ZONE_MM}mm" '
        f'viewBox="{-margin:.4f} {-margin:.4f} {side:.4f} {side:.4f}">'
        f'<path fill="#000" shape-rendering="crispEdges" d="{path}"/></svg>'
    )


def _draw_row(row: tuple[bool, ...], top: int) -> str:
    """One rectangle per run of dark modules: fewer edges for a renderer to blur than one per module."""
    parts = []
    start = None
    for left, dark in enumerate((*row, False)):
        if dark and start is None:
            start = left
        elif not dark and start is not None:
            parts.append(f"M{start} {top}h{left - start}v1H{start}z")
            start = None
    return "".join(parts)

"""Mutates files for as long as is wanted: ``python -m tests.fuzz --minutes 60``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "verifier"))  # the makers of files, as under pytest

from tests.fuzz.child import ALL, Case, Child
from tests.fuzz.sources import names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("ABSAH_SEED", "0")) or Random().randrange(1, 10**6)
    )
    parser.add_argument("--mutations", default=",".join(ALL))
    parser.add_argument("--keep", type=Path, help="a folder for the files in which something is wrong")
    wanted = parser.parse_args()
    print("seed", wanted.seed, flush=True)
    random, sources = Random(wanted.seed), names(foreign=True)
    end = time.monotonic() + 60 * wanted.minutes
    made, accepted, wrong = Counter[str](), Counter[str](), 0
    with Child() as child:
        while time.monotonic() < end:
            case = Case(
                random.choice(sources),
                random.choice(sources),
                random.choice(wanted.mutations.split(",")),
                random.randrange(2**32),
            )
            result = child.look(case)
            made[case.mutation] += 1
            accepted[case.mutation] += result.accepted
            if result.faults:
                wrong += 1
                print(case, result, flush=True)
                if wanted.keep:
                    wanted.keep.mkdir(parents=True, exist_ok=True)
                    (wanted.keep / f"{case.mutation}-{case.seed}.pdf".replace(" ", "-")).write_bytes(
                        case.make()
                    )
    print(f"{sum(made.values())} files, {sum(accepted.values())} accepted, {wrong} wrong")
    for mutation, count in sorted(made.items()):
        print(f"{mutation}: {count}, {accepted[mutation]} accepted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

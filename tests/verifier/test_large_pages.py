"""Whether children find memory in large pages, where the kernel has them. In a process of its own each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from verifier.large_pages import set_room_aside

_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_MEGABYTES = 20
_PROGRAM = f"""
import os, resource
from verifier.confinement import load_libc
from verifier.large_pages import {set_room_aside.__name__}
{{prepare}}
reading, writing = os.pipe()
if os.fork() == 0:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    taken = bytearray(b"x" * ({_MEGABYTES} << 20))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    os.write(writing, str(after - before).encode())
    os._exit(0)
os.wait()
print(os.read(reading, 20).decode())
"""


def faults(prepare: str) -> int:
    """How often a forked child that takes memory has to ask the kernel for a page."""
    program = _PROGRAM.format(prepare=prepare)
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)


@pytest.mark.skipif(
    not _SETTING.exists() or "[never]" in _SETTING.read_text(), reason="this kernel has no large pages"
)
def test_a_child_gets_its_memory_in_few_large_pages() -> None:
    small_pages = _MEGABYTES * 256
    assert faults("set_room_aside(load_libc())") < small_pages / 4
    if "[always]" not in _SETTING.read_text():
        assert faults("") > small_pages / 2

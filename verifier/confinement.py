"""Walls around the process that opens one stranger's file: limits of the kernel and a system call filter.

The filter names what is allowed; everything else, sockets, files, programs, new processes, is refused
with EPERM. It is built once and installed in every child.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

from storage.vocabulary import Misconfigured

MEMORY_BYTES = 900 << 20
CPU_SECONDS = 6

# What an interpreter needs to compute, with everything imported and its input already open.
_ALLOWED = (
    "read", "readv", "pread64", "write", "writev", "close", "fstat", "lseek",
    "mremap", "munmap", "madvise", "brk",
    "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "rseq", "set_robust_list",
    "getpid", "gettid", "sched_yield", "sched_getaffinity", "getrusage", "sysinfo",
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrandom",
    "exit", "exit_group", "restart_syscall",
)  # fmt: skip
# Memory may be mapped, but never as code.
_ALLOWED_WITHOUT_EXECUTION = ("mmap", "mprotect")
_PROT_EXEC = 4

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_INSTRUCTION_BYTES = 8


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def build_filter() -> bytes:
    """The filter as a BPF program.

    Raises:
        Misconfigured: libseccomp is missing.
    """
    try:
        import pyseccomp
    except (RuntimeError, ImportError, OSError) as error:
        raise Misconfigured(
            "The sandbox needs libseccomp. On Debian or Ubuntu: sudo apt install libseccomp2",
            code="SANDBOX_NO_FILTER",
        ) from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(1))
    for name in _ALLOWED:
        if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:
            rules.add_rule(pyseccomp.ALLOW, name)
    for name in _ALLOWED_WITHOUT_EXECUTION:
        rules.add_rule(pyseccomp.ALLOW, name, pyseccomp.Arg(2, pyseccomp.MASKED_EQ, _PROT_EXEC, 0))
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def load_libc() -> ctypes.CDLL:
    """The C library, opened before the walls go up."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(libc: ctypes.CDLL) -> None:
    """Let the kernel end this process when its parent ends."""
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(libc: ctypes.CDLL, program: bytes | None) -> None:
    """Put up the walls around this process, for good.

    ``program`` is that of `build_filter`; None leaves the filter out, for development only.
    """
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = mapped + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if program is None:
        return
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    instructions = ctypes.create_string_buffer(program, len(program))
    filled = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.cast(instructions, ctypes.c_void_p))
    _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filled))


def _prctl(libc: ctypes.CDLL, option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, *([0] * (4 - len(values))))]
    if libc.prctl(ctypes.c_int(option), *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

"""The fork server of the sandbox: ``python -m verifier.fork_server``, started by `verifier.sandbox`.

A fresh program: no environment, no secrets, no descriptor but the socket on 0. It loads the libraries once
and forks a child for each file. It never opens a file of a stranger itself, and never reads from a child.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from storage.vocabulary import Misconfigured
from verifier.confined_child import load_libraries, run_confined
from verifier.confinement import build_filter, die_with_parent, load_libc
from verifier.rehearsal import rehearse

READY = b"R"
FORKED = b"F"
REFUSED = b"E"
WITHOUT_FILTER = "--without-filter"


def main() -> int:
    """Serve the socket on descriptor 0 until its other end closes."""
    control = socket.socket(fileno=os.dup(0))
    libc = load_libc()
    die_with_parent(libc)
    # Children end unseen: the kernel takes them away, and the parent sees the end of their pipe.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        program = None if WITHOUT_FILTER in sys.argv else build_filter()
        load_libraries(scans=True)
        rehearse()
    except Misconfigured as error:
        control.send(f"{error.code} {error.message}".encode())
        return 2
    gc.collect()
    gc.freeze()
    control.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return 0
        job, result = descriptors
        try:
            child = os.fork()
        except OSError:
            control.send(REFUSED)
        else:
            if child == 0:
                run_confined(job, result, libc, program)
            _answer_with(control, child)
        finally:
            os.close(job)
            os.close(result)


def _answer_with(control: socket.socket, child: int) -> None:
    """Hand the parent a descriptor of the child, with which it can end exactly this process."""
    try:
        descriptor = os.pidfd_open(child)
    except ProcessLookupError:
        # It has ended already; its pipe tells the rest.
        control.send(FORKED)
        return
    socket.send_fds(control, [FORKED], [descriptor])
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())

"""The fork server of the sandbox: ``python -m verifier.fork_server``, started by `verifier.sandbox`.

A fresh program: no environment, no secrets, no descriptor but the socket on 0 and one to the child that
waits. It loads the libraries once and forks a child for each file, one ahead where there is time for it.
It never opens a file of a stranger itself, and never reads from a child. What it does read are the
certificates that the operator trusts, each set once: to parse hundreds takes longer than to check a file.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections import OrderedDict
from contextlib import suppress
from ctypes import CDLL
from dataclasses import dataclass
from typing import NoReturn

from storage.vocabulary import Misconfigured
from verifier.anchor_sets import MOST_SETS, NO_ANCHORS, read_set
from verifier.certificates import load_anchors
from verifier.confined_child import load_libraries, run_confined
from verifier.confinement import build_filter, die_with_parent, load_libc
from verifier.fork_messages import ANCHORS, DIGEST_BYTES, FORKED, READY, REFUSED, UNKNOWN, WITHOUT_FILTER
from verifier.large_pages import set_room_aside
from verifier.rehearsal import rehearse, warm_up

# Files that come closer together than this find the processors busy: then no time is spent ahead.
_BUSY_SECONDS = 0.05


@dataclass(frozen=True)
class _Waiting:
    """A child that was forked ahead, and the socket through which it gets its file."""

    pid: int
    channel: socket.socket


class _Server:
    """The children's parent."""

    def __init__(self, control: socket.socket, libc: CDLL, program: bytes | None) -> None:
        self._control, self._libc, self._program = control, libc, program
        self._sets: OrderedDict[bytes, tuple[bytes, ...]] = OrderedDict({NO_ANCHORS: ()})
        self._next: _Waiting | None = None

    def serve(self) -> None:
        """Answer until the control socket closes."""
        while True:
            # Not at once: to fork takes milliseconds, and who has just got a file needs the processors.
            if not select.select([self._control], (), (), _BUSY_SECONDS)[0]:
                self._prepare()
            message, descriptors, _, _ = socket.recv_fds(self._control, 1 + DIGEST_BYTES, 3)
            if not message:
                return
            try:
                if message[:1] == ANCHORS:
                    self._learn(descriptors[0])
                else:
                    self._hand_out(message[1:], descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _learn(self, descriptor: int) -> None:
        digest, anchors = read_set(descriptor)
        # Remembered there; where one is no certificate, each child finds that anew.
        with suppress(ValueError):
            load_anchors(anchors)
        self._sets[digest] = anchors
        while len(self._sets) > MOST_SETS:
            self._sets.popitem(last=False)
        gc.collect()
        gc.freeze()
        self._dismiss()
        self._control.send(READY)

    def _hand_out(self, digest: bytes, descriptors: list[int]) -> None:
        if digest not in self._sets:
            self._control.send(UNKNOWN)
            return
        self._sets.move_to_end(digest)
        for _ in range(2):
            if self._next is None:
                self._prepare()
            if self._next is None:
                break
            handle = self._give(self._next, digest, descriptors)
            self._dismiss()
            if handle is not None:
                socket.send_fds(self._control, [FORKED], [handle])
                os.close(handle)
                return
        self._control.send(REFUSED)

    def _give(self, child: _Waiting, digest: bytes, descriptors: list[int]) -> int | None:
        """A descriptor with which the parent can end exactly this child; None if it has ended already."""
        try:
            # Opened first: if the file can be handed over behind it, the child was alive, and it is its.
            handle = os.pidfd_open(child.pid)
        except ProcessLookupError:
            return None
        try:
            socket.send_fds(child.channel, [digest], descriptors)
        except OSError:
            os.close(handle)
            return None
        return handle

    def _prepare(self) -> None:
        """Have a child wait; without one the next file has to wait for a fork."""
        if self._next is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            child = os.fork()
        except OSError:
            ours.close()
        else:
            if child == 0:
                self._wait_for_file(ours, theirs)
            self._next = _Waiting(child, ours)
        theirs.close()

    def _dismiss(self) -> None:
        # Without its socket a child that still waits ends.
        if self._next is not None:
            self._next.channel.close()
            self._next = None

    def _wait_for_file(self, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        """The child's side: never returns."""
        try:
            die_with_parent(self._libc)
            self._control.close()
            ours.close()
            # Nothing lives long enough to be collected.
            gc.disable()
            if not select.select([theirs], (), (), _BUSY_SECONDS)[0]:
                # What a check touches becomes this process's own now, and not while a file waits.
                warm_up()
            digest, descriptors, _, _ = socket.recv_fds(theirs, DIGEST_BYTES, 3)
            if digest:
                job, result, *file = descriptors
                run_confined(
                    job, result, self._libc, self._program, self._sets[digest], file[0] if file else None
                )
        except BaseException:  # whatever happens in here must not run the server's code
            os._exit(1)
        os._exit(0)


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
        set_room_aside(libc)
    except Misconfigured as error:
        control.send(f"{error.code} {error.message}".encode())
        return 2
    gc.collect()
    gc.freeze()
    control.send(READY)
    _Server(control, libc, program).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A PKCS#11 token as one worker process sees it: sessions, the PIN, and what to do when they are lost.

A PIN is worth more care than a session: tokens count wrong ones and lock. It is sent when the first session
is opened and after a loss, never by two processes at once, and never again once the token has refused it.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
import structlog

from keys.entry import secret
from keys.provider import KeyRefused
from storage.vocabulary import Misconfigured, Unavailable

T = TypeVar("T")
log = structlog.get_logger("worker")

_PIN_REFUSED = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)
_CANNOT_SIGN_SO = (
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.KeyTypeInconsistent,
    pkcs11.KeySizeRange,
)
# The library has no class of its own for these two.
_NOT_LOADED = _NOT_INITIALISED = pkcs11.PKCS11Error
_WRONG_PIN_COUNTED = (
    pkcs11.TokenFlag.USER_PIN_COUNT_LOW
    | pkcs11.TokenFlag.USER_PIN_FINAL_TRY
    | pkcs11.TokenFlag.USER_PIN_LOCKED
)


@dataclass
class OpenSession:
    """A session and the private keys found in it, by label and id.

    The library composes their class at run time, with ``sign`` where the token allows it.
    """

    session: pkcs11.Session
    found: dict[tuple[str | None, bytes | None], Any] = field(default_factory=dict)

    def the_only(self, attributes: dict[pkcs11.Attribute, Any]) -> Any:
        """The object with these attributes; a search is always read to its end, or the session stays busy.

        Raises:
            pkcs11.NoSuchKey: there is none.
            KeyRefused: ``KEY_MISSING``, there are several.
        """
        objects = list(self.session.get_objects(attributes))
        if not objects:
            raise pkcs11.NoSuchKey
        if len(objects) > 1:
            raise KeyRefused(
                "The token holds several keys of the description in the key list; give “object_id” too.",
                code="KEY_MISSING",
            )
        return objects[0]


class Module:
    """A PKCS#11 module (shared library), loaded when first needed: by then the process has forked.

    The module is initialised without locks of its own (``C_Initialize`` with NULL), so that only one thread
    may call it; p11-kit is a module that locks for those behind it, and is called by several.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._locks_itself = "p11-kit" in path.name
        self._lock = threading.RLock()
        self.tokens: dict[str, Token] = {}

    def turn(self) -> AbstractContextManager[object]:
        """What has to be held while the module is called."""
        return contextlib.nullcontext() if self._locks_itself else self._lock

    def token(self, label: str) -> pkcs11.Token:
        """The token of that label, with its flags as they are now.

        Raises:
            Misconfigured: ``KEY_MODULE``, the module cannot be loaded.
            pkcs11.PKCS11Error: there is no such token now, or two.
        """
        # Also where the module locks itself: to initialise it twice at a time is an error.
        with self._lock:
            try:
                return self._search(label)
            except pkcs11.NoSuchToken:
                if any(token.in_use for token in self.tokens.values()):
                    raise
            except pkcs11.PKCS11Error as error:
                if type(error) is not _NOT_INITIALISED:
                    raise
            # Somebody finalized the module, or it knows only the tokens of when it was initialised.
            with contextlib.suppress(pkcs11.PKCS11Error):
                self._load().finalize()
            return self._search(label)

    def _search(self, label: str) -> pkcs11.Token:
        found: pkcs11.Token = self._load().get_token(token_label=label)
        return found

    def _load(self) -> Any:
        try:
            return pkcs11.lib(str(self._path))
        except pkcs11.PKCS11Error as error:
            if type(error) is not _NOT_LOADED:
                raise
            raise Misconfigured(
                f"The PKCS#11 module {self._path} cannot be loaded; check the path in the key list.",
                code="KEY_MODULE",
            ) from error


class Token:
    """A token's sessions: one that is logged in, and one for each thread that signs at the same time.

    PKCS#11 logs in an application, not a session, so the others need no PIN.
    """

    def __init__(self, module: Module, label: str, pin_file: Path) -> None:
        self._module = module
        self._label = label
        self._pin_file = pin_file
        self._changes = threading.Condition()
        self._closing = False
        self._at_work = 0
        self._login: pkcs11.Session | None = None
        self._device: pkcs11.Token | None = None
        self._idle: list[OpenSession] = []
        self._generation = 0
        self._pin_was_right = False
        self._refused: str | None = None

    @property
    def in_use(self) -> bool:
        """Whether it has sessions."""
        return self._login is not None

    def call(self, work: Callable[[OpenSession], T]) -> T:
        """The answer of ``work``, given a session of its own.

        Where the sessions are lost they are opened anew, once, and ``work`` is called again: it has to be
        something that may be done twice.

        Raises:
            KeyRefused: ``KEY_PIN``; ``KEY_MISSING`` where ``work`` finds no object.
            Unavailable: ``KEY_DEVICE``, the token does not answer.
            Misconfigured: the module or the PIN file cannot be read.
        """
        with self._module.turn():
            try:
                return self._call_once(work)
            except pkcs11.PKCS11Error as error:
                log.warning("token.lost", error=type(error).__name__)
            try:
                return self._call_once(work)
            except pkcs11.NoSuchKey as error:
                raise KeyRefused(
                    f"The token “{self._label}” holds no key as the key list describes it; check label and"
                    " object_id.",
                    code="KEY_MISSING",
                ) from error
            except _CANNOT_SIGN_SO as error:
                raise KeyRefused(
                    f"The token “{self._label}” does not sign in that way; try another algorithm.",
                    code="KEY_ALGORITHM",
                ) from error
            except pkcs11.PKCS11Error as error:
                raise Unavailable(
                    f"The token “{self._label}” does not answer ({type(error).__name__}); check the device.",
                    code="KEY_DEVICE",
                ) from error

    def _call_once(self, work: Callable[[OpenSession], T]) -> T:
        with self._changes:
            while self._closing:
                self._changes.wait()
            generation = self._generation
            self._at_work += 1
        opened = None
        try:
            opened = self._take()
            answer = work(opened)
        except pkcs11.PKCS11Error:
            self._leave(opened, reusable=False)
            self._forget(generation)
            raise
        except BaseException:
            self._leave(opened, reusable=False)
            raise
        self._leave(opened, reusable=True)
        return answer

    def _leave(self, opened: OpenSession | None, *, reusable: bool) -> None:
        with self._changes:
            if opened is not None:
                if reusable:
                    self._idle.append(opened)
                else:
                    _close(opened.session)
            self._at_work -= 1
            self._changes.notify_all()

    def _take(self) -> OpenSession:
        with self._changes:
            if self._refused is not None:
                raise KeyRefused(self._refused, code="KEY_PIN")
            if self._login is None:
                self._log_in()
            if self._idle:
                return self._idle.pop()
            assert self._device is not None  # noqa: S101 - set by the login
            return OpenSession(self._device.open())

    def _log_in(self) -> None:
        with _pin(self._pin_file) as pin:
            device = self._module.token(self._label)
            # The token's own count is the only one that several processes and restarts share.
            if not self._pin_was_right and device.flags & _WRONG_PIN_COUNTED:
                raise self._refusal("has counted a wrong PIN since it was last opened, and might lock")
            try:
                self._login = device.open(user_pin=pin)
            except pkcs11.UserAlreadyLoggedIn:
                # The login outlived the session that made it.
                self._login = device.open()
            except _PIN_REFUSED as error:
                raise self._refusal(f"refused the PIN ({type(error).__name__})") from error
        self._device, self._pin_was_right = device, True
        self._module.tokens[self._label] = self

    def _refusal(self, what: str) -> KeyRefused:
        self._refused = (
            f"The token “{self._label}” {what}. The PIN is not sent again: mend {self._pin_file.name}, log in"
            " once by hand with the right PIN, and start again."
        )
        log.error("token.pin_refused", code="KEY_PIN")
        return KeyRefused(self._refused, code="KEY_PIN")

    def _forget(self, generation: int) -> None:
        """Close all sessions, unless another thread has already done so; wait for who is still at work.

        Closing logs out, and modules are known to crash where that happens in the middle of a signature.
        """
        with self._changes:
            if generation != self._generation:
                return
            self._generation += 1
            self._closing = True
            while self._at_work:
                self._changes.wait()
            for each in (*(opened.session for opened in self._idle), self._login):
                if each is not None:
                    _close(each)
            self._login, self._idle, self._closing = None, [], False
            self._changes.notify_all()


def _close(session: pkcs11.Session) -> None:
    # One that is lost cannot be closed; nothing depends on it.
    with contextlib.suppress(pkcs11.PKCS11Error):
        session.close()


@contextmanager
def _pin(path: Path) -> Iterator[str]:
    """The PIN, for one process at a time: two that try a wrong one together would count twice."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            pin = secret(file.read()).decode()
            yield pin
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The PIN file {path} cannot be read ({type(error).__name__}); see ABSAH_KEYS_FILE.",
            code="KEYS_FILE",
        ) from error


_modules: dict[Path, Module] = {}
_tokens: dict[tuple[Path, str], Token] = {}
_registry = threading.Lock()


def token_of(module_path: Path, label: str, pin_file: Path) -> Token:
    """The token of that label behind a module: one object in a process, since a login is the process's."""
    with _registry:
        module = _modules.setdefault(module_path, Module(module_path))
        return _tokens.setdefault((module_path, label), Token(module, label, pin_file))

"""Passwords: what is acceptable, and hashing in a bounded pool of threads.

bcrypt is the default (the seed's), Argon2id a setting; a hash of either verifies, and one of the other scheme or cost
is replaced at the next sign-in. Hashing is slow on purpose, so it has its own few threads and a bounded queue: a storm
of sign-ins can slow down sign-ins only (S8).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers import HasherProtocol
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from app.auth.problems import PasswordRefused, TooManySignIns

T = TypeVar("T")

LEAST_LENGTH = 10
MOST_LENGTH = 128
_BCRYPT_BYTES = 72
_COMMON = frozenset(
    """
    1234567890 12345678910 qwertyuiop password12 password123 password1234 passw0rd123 iloveyou12 letmein1234
    welcome1234 administrator changeme123 qwerty12345 1q2w3e4r5t 0987654321 1111111111 0000000000 abcdefghij
    """.split()  # noqa: SIM905  a list of words reads better than a list of literals
)


def check_acceptable(password: str, *, email: str, is_bcrypt: bool) -> None:
    """Refuse a password that is too short, too long, common or can't be hashed whole. Raises PasswordRefused."""
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        message = f"A password has {LEAST_LENGTH} to {MOST_LENGTH} characters."
        raise PasswordRefused(message, param="password")
    if "\x00" in password:
        raise PasswordRefused("A password has no NUL characters.", param="password")
    if is_bcrypt and len(password.encode()) > _BCRYPT_BYTES:
        # bcrypt would ignore the rest: two different passwords would be one.
        raise PasswordRefused(f"A password has at most {_BCRYPT_BYTES} bytes in UTF-8.", param="password")
    if password.lower() in _COMMON or password.lower() == email.lower():
        raise PasswordRefused("This password is too easy to guess.", param="password")


@dataclass(slots=True)
class Passwords:
    """Hashes and verifies in its own threads."""

    hasher: PasswordHash
    is_bcrypt: bool
    pool: ThreadPoolExecutor
    queue_limit: int
    dummy: Future[str]
    hashed_count: int = 0
    _waiting: int = 0

    @classmethod
    def create(cls, *, use_argon2: bool, bcrypt_rounds: int, workers: int, queue_limit: int = 64) -> "Passwords":
        """Return passwords of the chosen scheme; the other one still verifies."""
        bcrypt, argon2 = BcryptHasher(rounds=bcrypt_rounds), Argon2Hasher()
        schemes: tuple[HasherProtocol, ...] = (argon2, bcrypt) if use_argon2 else (bcrypt, argon2)
        hasher = PasswordHash(schemes)
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="passwords")
        # The first work of the pool: it is done before anything that waits for it can run.
        dummy = pool.submit(hasher.hash, "nobody has this password")
        return cls(hasher=hasher, is_bcrypt=not use_argon2, pool=pool, queue_limit=queue_limit, dummy=dummy)

    async def hash(self, password: str) -> str:
        """Return the hash of a password. Raises TooManySignIns."""
        return await self._run(self.hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Tell whether the password fits, and return a better hash to store, if there is one.

        With no hash (an unknown account) the same work is done on a dummy, so that the time tells nothing (S9).

        Raises:
            TooManySignIns: the queue is full.
        """
        fits, better = await self._run(self._verify, password, hashed or "")
        return (fits, better) if hashed is not None else (False, None)

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, hashed: str) -> tuple[bool, str | None]:
        hashed = hashed or self.dummy.result()
        if len(password) > MOST_LENGTH or "\x00" in password:
            # Never acceptable, but worth the same time as a wrong one.
            self.hasher.verify("x", self.dummy.result())
            return False, None
        try:
            if self.is_bcrypt and len(password.encode()) > _BCRYPT_BYTES:
                # An Argon2id hash from before the setting changed still verifies; bcrypt can't replace it.
                return self.hasher.verify(password, hashed), None
            return self.hasher.verify_and_update(password, hashed)
        except (UnknownHashError, ValueError):
            # bcrypt raises beyond 72 bytes; such a password was never accepted.
            self.hasher.verify("x", self.dummy.result())
            return False, None

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= self.queue_limit:
            raise TooManySignIns(retry_after_seconds=1)
        self._waiting += 1
        self.hashed_count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work, *arguments)
        finally:
            self._waiting -= 1

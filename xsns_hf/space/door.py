"""The door through which questions come in one after the other, so that those who are in go on."""

import asyncio
import time
from collections import deque

LONGEST_REST = 0.1
"""Seconds between two that come in at most."""


class Door:
    """A door for one at a time. Of those who wait, it's the turn of the address that was let in longest ago: who sends
    many requests waits for them, and nobody else does.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._is_free = True
        self._began = 0.0

    async def enter(self, address: str) -> None:
        """Wait for one's turn; then `leave` must follow."""
        if not self._is_free:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(address, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._open()
                raise
        self._is_free = False
        self._began = time.monotonic()

    def leave(self) -> None:
        """Let the next one in, after a rest of half the time that this one took."""
        rest = min((time.monotonic() - self._began) / 2, LONGEST_REST)
        asyncio.get_running_loop().call_later(rest, self._open)

    def _open(self) -> None:
        self._is_free = True
        while self._waiting and self._is_free:
            address = next(iter(self._waiting))
            turns = self._waiting.pop(address)
            turn = turns.popleft()
            if turns:
                self._waiting[address] = turns  # behind all others
            if not turn.done():
                self._is_free = False
                turn.set_result(None)

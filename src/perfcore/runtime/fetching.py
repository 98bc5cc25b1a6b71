"""Fetcher: many URLs at once, a few at a time; one that fails does not disturb the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ..amounts import amount, whole
from ..errors import ConfigurationError
from ..extras import require

PAUSE = 0.1  # seconds before the first retry; each further one waits twice as long
AGAIN = {408, 429, 500, 502, 503, 504}  # statuses that another try may change


@dataclass(frozen=True)
class Fetched:
    """What became of a URL.

    Attributes
    ----------
    content : bytes of the last answer, of one that is an error, too; None where there was none
    status : of the last answer; None where there was none
    error : why it failed; None where it did not
    attempts : how often it was asked for
    seconds : all of them together, without the wait for its turn
    """

    url: str
    content: bytes | None
    status: int | None
    error: str | None
    attempts: int
    seconds: float


class Fetcher:
    """Fetches URLs by httpx.

    Parameters
    ----------
    limit : requests at once
    timeout : seconds for a try, from the connection to the last byte
    retries : further tries after connections that failed, timeouts and statuses that may pass; where such an answer
        says ``Retry-After``, no sooner, and not at all where that is more than ``timeout`` away

    Raises
    ------
    ConfigurationError
        For numbers outside what is allowed.
    """

    def __init__(self, *, limit: int = 10, timeout: float = 10.0, retries: int = 2):
        self.limit, self.retries = whole("limit", limit), whole("retries", retries, 0)
        self.timeout = amount("timeout", timeout, "seconds")

    async def get_many(self, urls: Iterable[str]) -> list[Fetched]:
        """All of them, in their order; nothing is raised for one that fails.

        Raises
        ------
        ConfigurationError
            For a single text in the place of several.
        MissingExtraError
            Where httpx is not installed.
        """
        if isinstance(urls, str):
            raise ConfigurationError(f"urls={urls!r}: expected several, as a list")
        httpx = require("httpx", "fetching")
        places = asyncio.Semaphore(self.limit)
        limits = httpx.Limits(max_connections=self.limit, max_keepalive_connections=self.limit)
        async with httpx.AsyncClient(timeout=None, limits=limits, follow_redirects=True) as client:
            return await asyncio.gather(*(self._get(httpx, client, places, url) for url in urls))

    async def _get(self, httpx: Any, client: Any, places: asyncio.Semaphore, url: str) -> Fetched:
        status, content, reason, attempt, wait = None, None, "", 0, 0.0
        async with places:
            began = time.perf_counter()
            for attempt in range(1, self.retries + 2):
                if attempt > 1:
                    await asyncio.sleep(max(wait, PAUSE * 2 ** (attempt - 2)))
                wait = 0.0
                try:
                    async with asyncio.timeout(self.timeout):
                        answer = await client.get(url)
                except TimeoutError:
                    reason = f"no answer within {self.timeout:g} s"
                    continue
                except Exception as error:  # httpx's own, and what a malformed URL raises
                    reason = f"{type(error).__name__}: {error}"
                    if not isinstance(error, httpx.TransportError) or isinstance(error, httpx.UnsupportedProtocol):
                        break
                    continue
                status, content = answer.status_code, answer.content
                if answer.is_success:
                    return Fetched(url, content, status, None, attempt, time.perf_counter() - began)
                reason, wait = f"status {status}", _retry_after(answer.headers.get("Retry-After", ""))
                if status not in AGAIN:
                    break
                if wait > self.timeout:
                    reason += f", and to be asked again in {wait:.0f} s, later than the timeout of {self.timeout:g} s"
                    break
        return Fetched(url, content, status, reason, attempt, time.perf_counter() - began)


def _retry_after(said: str) -> float:
    """Seconds from now, which the header tells as such or as a date; 0 where it tells nothing."""
    if said.strip().isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return 0.0

"""What goes on until it is told to stop: Ctrl-C, or SIGTERM as a service manager sends.

Stopping is how such a command ends well, so it is no error and shows what was done.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def until_told(work: Coroutine[Any, Any, object]) -> None:
    """Run `work` until it ends, raises, or is told to stop; it is then cancelled where it waits."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)

"""The program that owns the GPU: `python -P -m reviewer.server.worker DESCRIPTOR`.

One thread reads messages; all calls of the engine are made by the main thread. What ends in an
error that is not known to be harmless ends the process, and with it gives all memory back. What it
prints goes into the report of its death, so that no text of anybody may be in it.
"""

import faulthandler
import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from reviewer.server import builds, exllama, tie
from reviewer.server import protocol as p
from reviewer.server.loop import Loop, OutOfMemory
from reviewer.server.selftest import Unwell

IDLE: Final = 0.5
"""Seconds to wait for a message when there is nothing to do."""

CRASHED: Final = 70
NO_MEMORY: Final = 75
"""Exit statuses (EX_SOFTWARE and EX_TEMPFAIL of sysexits.h)."""

Inbox: TypeAlias = "queue.SimpleQueue[p.ToWorker]"


class Channel:
    """Our end of the socket pair."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours
        self._turn = threading.Lock()

    def say(self, *messages: p.Message) -> None:
        """Send messages, from any thread. Raises OSError when the front is gone."""
        data = b"".join(map(p.frame, messages))
        with self._turn:
            self._ours.sendall(data)

    def send(self, messages: Sequence[p.Message]) -> None:
        """The same."""
        self.say(*messages)

    def first(self) -> p.Load:
        """What to load. Raises ProtocolError."""
        message = p.receive(self._ours)
        if not isinstance(message, p.Load):
            raise p.ProtocolError("the first message is not what to load")
        return message

    def read(self, inbox: Inbox) -> None:
        """Read messages until the front is gone, and end with it, whatever the engine is at."""
        try:
            while (message := p.receive(self._ours)) is not None:
                inbox.put(message)
        except (OSError, p.ProtocolError):
            os._exit(CRASHED)
        os._exit(0)


def arrived(inbox: Inbox, wait: float) -> Iterator[p.ToWorker]:
    """All messages that are there, after at most `wait` seconds for the first."""
    try:
        yield inbox.get(timeout=wait) if wait else inbox.get_nowait()
        while True:
            yield inbox.get_nowait()
    except queue.Empty:
        return


def serve(channel: Channel) -> None:
    """Load what is asked for, then generate until drained. Raises Refused, OutOfMemory, Unwell."""
    wanted = channel.first()
    began = time.monotonic()
    where = Path(wanted.builds)
    builds.unlock(where, channel.say)
    with builds.told(where, channel.say):
        engine = exllama.load(wanted, channel.say)
    channel.say(p.Progress("warm"))
    engine.warm()
    seconds = time.monotonic() - began
    limits = (engine.context, engine.cache_tokens, wanted.max_batch)
    channel.say(p.Ready(*limits, seconds, engine.planned))
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=channel.read, args=(inbox,), daemon=True).start()
    loop = Loop(engine.generator, engine.job, channel.send, engine.forget, engine.is_oom)
    more = True
    while more:
        messages = list(arrived(inbox, 0.0 if loop.jobs else IDLE))
        if any(isinstance(message, p.AskStats) for message in messages):
            channel.say(engine.memory())
        more = loop.turn(messages)


SPOKEN: Final = (RuntimeError, OSError, ImportError)
"""Errors of the GPU, of the system and of libraries that are not there; the words of others may
quote what they stumbled over."""


def explain(error: BaseException) -> None:
    """Print where an error is from, and what it says where that is about machines alone."""
    traceback.print_tb(error.__traceback__)
    said = str(error).partition("\n")[0] if isinstance(error, SPOKEN) else "..."
    sys.stderr.write(f"{type(error).__name__}: {said[:300]}\n")


def run(channel: Channel) -> int:
    """Exit status. What went wrong is said to the front, without text of anybody."""
    try:
        serve(channel)
    except exllama.Refused as error:
        channel.say(p.Error("refused", str(error)[:500]))
        return CRASHED
    except OutOfMemory:
        channel.say(p.Error("oom", "no room in the GPU's memory, twice in a minute"))
        return NO_MEMORY
    except Unwell as error:
        channel.say(p.Error("internal", f"the self-test failed: {error}"))
        return CRASHED
    except Exception as error:  # the last handler of a program of its own
        explain(error)
        name = type(error).__name__
        if name == "OutOfMemoryError":  # of torch, which is imported elsewhere
            channel.say(p.Error("oom", "no room in the GPU's memory to load the model"))
            return NO_MEMORY
        channel.say(p.Error("internal", f"{name} in the engine"))
        return CRASHED
    return 0


def main() -> None:
    """Run, and end without the destructors of the engine: they may hang."""
    tie.to_parent()
    faulthandler.enable()  # a crash of the engine's own code leaves our stack, without values
    with socket.socket(fileno=int(sys.argv[1])) as ours:
        status = run(Channel(ours))
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()

"""The failures, each a message that says what happened and a tip that says what to do.

    ReviewerError                       exit code
    ├── InputError                      2   bad argument, missing file, nothing to compare with
    ├── ConfigError                     2   a setting that is not right
    ├── NotDelivered                    3   no tool could review, or nobody could be told
    └── IntegrityError                  4   something was tampered with

    ToolError                           never leaves a review: it becomes a ToolRun
    ├── ToolMissing                     skipped
    └── ToolFailed                      failed: crashed, hung, flooded or printed rubbish

    ForgeError                          never leaves a publication: the next sink takes over
    ├── Refused                         no right to do this (401, 403, 404)
    ├── Rejected                        the forge does not take what was sent (422)
    └── Unreachable                     down, hanging, or its limits outlast our patience

    EngineError                         never leaves a review: the model's part becomes a ToolRun
    ├── EngineBusy                      loading, draining, or its queue is full
    ├── EngineDown                      not there, gone in mid-answer, or too slow
    ├── EngineRefused                   does not take what was sent (400, 401, 404, a lasting 500)
    ├── ContextTooLong                  the prompt is larger than its context
    ├── Truncated                       the answer stopped before its end
    └── BadSchema                       the answer is not of the shape that was asked for

Codes 125 to 127 and 137 belong to Docker, 130 and 143 to signals, 70 to our own bugs
(EX_SOFTWARE of sysexits.h).
"""

import sys
from typing import ClassVar


class ReviewerError(Exception):
    """A failure that ends the command. `tip` is one line on what to do next."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, tip: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.tip = tip


class InputError(ReviewerError):
    """What was asked for does not exist or makes no sense."""


class ConfigError(ReviewerError):
    """A setting has an unknown name or an impossible value."""


class NotDelivered(ReviewerError):
    """No tool could review, or the findings reached nobody."""

    exit_code = 3


class IntegrityError(ReviewerError):
    """A check of authenticity failed."""

    exit_code = 4


class ToolError(Exception):
    """Why a tool gave no result; the text is the reason that readers see."""


class ToolMissing(ToolError):
    """The tool, or data it cannot work without, is not on this machine."""


class ToolFailed(ToolError):
    """The tool ran and gave no usable answer."""


class ForgeError(Exception):
    """Why a forge did not do what it was asked; the text is the reason that readers see."""


class Refused(ForgeError):
    """The token may not do this, or the forge hides the place from it."""


class Rejected(ForgeError):
    """The forge does not take what was sent, and will not take it a second time."""


class Unreachable(ForgeError):
    """The forge is down, hangs, or asks for a longer wait than there is time."""


class EngineError(Exception):
    """Why a model gave no answer; the text is the reason that readers see.

    `repeats` is how often the same request may be sent again. A second answer does no harm, so
    that the time it takes, and the hope that it differs, are all that counts.
    """

    def __init__(self, message: str, repeats: int = 0) -> None:
        super().__init__(message)
        self.repeats = repeats


class EngineBusy(EngineError):
    """It is there and has no room yet: worth asking again for as long as there is time.

    `retry_after` is its own word on when, in seconds, None where it keeps quiet.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, sys.maxsize)
        self.retry_after = retry_after


class EngineDown(EngineError):
    """It is not there, went away in the middle of an answer, or let the deadline pass."""


class EngineRefused(EngineError):
    """It does not take what was sent, and will not take it a second time."""


class ContextTooLong(EngineError):
    """The prompt does not fit. `limit` is the context in tokens, 0 where the engine keeps quiet."""

    def __init__(self, message: str, limit: int = 0) -> None:
        super().__init__(message)
        self.limit = limit


class Truncated(EngineError):
    """The answer ends before its end: what came of it is not to be trusted."""


class BadSchema(EngineError):
    """The answer is not of the shape that was asked for."""

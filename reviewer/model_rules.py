"""What a local model says of a change that no analyzer can know. It may be wrong: nothing of it is
believed before its place and its quote are found in the change, and it has no say in the verdict
unless `model.gate` gives it one.
"""

from typing import Final

from reviewer.analyzers.base import RulePage
from reviewer.model import Confidence, Severity
from reviewer.shapes import CATEGORIES

WRONG: Final = " If the claim is wrong, say so in the thread, which is then left alone."


def _page(rule: str, what: str, why: str, fix: str, before: str, after: str) -> RulePage:
    return RulePage(
        rule=rule,
        what=what,
        why=why,
        fix=fix + WRONG,
        before=before,
        after=after,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        category=CATEGORIES[rule],
    )


RULES: Final = (
    _page(
        "bug",
        "The code does not do what it is plainly meant to do.",
        "The comment names an input or a state with which it goes wrong; no test has to cover it "
        "for that.",
        "Try the case that the comment names, best as a test, and mend the code if it fails.",
        "pages = total // size",
        "pages = (total + size - 1) // size",
    ),
    _page(
        "security",
        "Somebody who controls an input can make the code do what they must not do.",
        "Such holes are in the way that data takes through the program, which rules about single "
        "lines do not see.",
        "Follow the input that the comment names to where it is used, and check or bind it there.",
        'return send_file(os.path.join(folder, request.args["name"]))',
        'return send_from_directory(folder, request.args["name"])',
    ),
    _page(
        "resource",
        "A file, lock, connection or task is not given back or not awaited, two parts of the "
        "program race, or work grows with the square of its input.",
        "It works until there is much of it, or until the step in between fails.",
        "Let a block that closes it own it, or make the case that the comment names small and try "
        "it.",
        "lock.acquire()\nupdate(row)\nlock.release()",
        "with lock:\n    update(row)",
    ),
    _page(
        "contract",
        "The code breaks what its callers, the code it calls, stored data or its description rely "
        "on.",
        "Each part looks right by itself; together they fail, often far from the change.",
        "Keep the promise, or change it together with everything that relies on it.",
        'def find(key):\n    """The entry, None if there is none."""\n    return entries[key]',
        'def find(key):\n    """The entry, None if there is none."""\n    return entries.get(key)',
    ),
    _page(
        "test-gap",
        "New code decides about money, rights or data, and no test reaches that decision.",
        "Coverage counts lines that ran; it does not know which of them must not be wrong.",
        "Add a test of the case that the comment names.",
        "def test_refund():\n    assert refund(order(paid=10)) == 10",
        "def test_refund():\n    assert refund(order(paid=10)) == 10\n"
        "    assert refund(order(paid=10, refunded=10)) == 0",
    ),
)
"""What each category of `shapes.CATEGORIES` means."""

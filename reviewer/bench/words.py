"""Words of remarks: split as programmers join them, and the identifiers among them."""

import re
from typing import Final

PIECE: Final = re.compile(r"[A-Z]{2,}(?=s\b)|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|[0-9]+")
"""Parts of snake_case and camelCase: `HTTPServer` is two, `URLs` is one."""

STOP: Final = frozenset(
    """a about after again all also although always an and another any are as at be because been
    before being between both but by can cannot could did do does doing done each either else even
    every few first for from get gets given had has have having here how however if in instead into
    is it its itself just like made make makes many may might more most much must neither never no
    nor not now of off on once one only or other others otherwise our out over own per rather same
    should since so some still such than that the their them then there these they this those
    through thus to too two under until up use used uses using very via was way we were what when
    where whether which while who whose why will with within without would yet you your""".split()
)
"""English words that say nothing about what a remark is about."""

NAME: Final = re.compile(
    r"`([A-Za-z_]\w*)|\b([A-Za-z]\w*_\w+|_\w+|[a-z]+[A-Z]\w*)\b|\b([A-Za-z_]\w*)\("
)
"""What is certainly a name of code: in backticks, with an underscore, camelCase, or called."""


def words(text: str) -> list[str]:
    """The words that say something, in lower case."""
    pieces = (piece.lower() for piece in PIECE.findall(text))
    return [piece for piece in pieces if len(piece) > 1 and piece not in STOP]


def identifiers(text: str) -> frozenset[str]:
    """The names of code that a text mentions."""
    return frozenset(next(filter(None, found)) for found in NAME.findall(text))

"""Syntax from Python 3.8 to 3.14: none of it is an error."""

type Pair[T] = tuple[T, T]


def swap[T](pair: Pair[T], /) -> Pair[T]:
    """The two in the other order."""
    match pair:
        case (left, right):
            return right, left


def read(names: list[str]) -> str:
    """Nested quotes in an f-string, and two exceptions without brackets."""
    try:
        return f"{", ".join(f"{name!r}" for name in names)}"
    except ValueError, TypeError:
        return ""

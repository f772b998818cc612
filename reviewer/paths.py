r"""Which file a report means: paths of any system, held against the paths of the change.

Where a report spells its paths from another root (`/app/src/x.py`, `C:\work\x.py`), the longest
common end decides, and only if it is unique and fits the root that the whole report points to. No
path is ever opened.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

TRUNK_SHARE: Final = 0.9
"""The share of a report's paths that must lie in a folder for the project to be taken to hold it:
reports also count a few files from elsewhere, such as installed packages."""

Parts = tuple[str, ...]


def parts(path: str) -> Parts:
    """The components of a path of any system; an absolute one starts with "" or a drive."""
    pieces = path.replace("\\", "/").split("/")
    return tuple(p for i, p in enumerate(pieces) if p != "." and (p or i == 0))


def trunk(paths: Iterable[str]) -> Parts:
    """The deepest folder that holds TRUNK_SHARE of `paths`."""
    folders = Counter(parts(path)[:-1] for path in paths)
    enough = TRUNK_SHARE * folders.total()
    found: Parts = ()
    while True:
        deeper: Counter[Parts] = Counter()
        for folder, count in folders.items():
            if len(folder) > len(found) and folder[: len(found)] == found:
                deeper[folder[: len(found) + 1]] += count
        best = deeper.most_common(1)
        if not best or best[0][1] < enough:
            return found
        found = best[0][0]


@dataclass(frozen=True)
class _Match:
    """A path of the report and a changed path that end alike; `depth` components are equal."""

    spelled: str
    path: str
    depth: int
    root: Parts
    above: Parts

    @property
    def rank(self) -> tuple[bool, int]:
        return (not self.root and not self.above, self.depth)


def pair(
    spelled: Iterable[str], changed: Iterable[str], top: Parts
) -> tuple[dict[str, str], list[str]]:
    """Which path of the report is which changed file, and the paths that could be several.

    `top` is the trunk of the report. What remains of a path of the report before the common end
    must be `top` or a folder above it, as the project's root would be. Where one changed file
    shows a root of the report to be that of the repository, all below it must agree.
    """
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in changed:
        by_name[path.rpartition("/")[2]].append(path)
    matches = [
        match
        for name in spelled
        for path in by_name.get(name.replace("\\", "/").rpartition("/")[2], ())
        if (match := _match(name, path, top))
    ]
    doubtful: set[str] = set()
    longest = _best(matches, lambda match: match.spelled, doubtful)
    tops = {match.root for match in longest if not match.above}
    rooted = [match for match in longest if not match.above or match.root not in tops]
    chosen = _best(rooted, lambda match: match.path, doubtful)
    return {match.path: match.spelled for match in chosen}, sorted(doubtful)


def _match(spelled: str, path: str, top: Parts) -> _Match | None:
    theirs, ours = parts(spelled), tuple(path.split("/"))
    depth = 0
    for one, other in zip(reversed(theirs), reversed(ours), strict=False):
        if one != other:
            break
        depth += 1
    root, above = theirs[: len(theirs) - depth], ours[: len(ours) - depth]
    if root != top[: len(root)] or (root and above and depth < 2):
        return None
    return _Match(spelled, path, depth, root, above)


def _best(
    matches: Iterable[_Match], key: Callable[[_Match], str], doubtful: set[str]
) -> list[_Match]:
    """The one best match of each key; keys with several go to `doubtful`."""
    groups: dict[str, list[_Match]] = defaultdict(list)
    for match in matches:
        groups[key(match)].append(match)
    chosen: list[_Match] = []
    for name, group in groups.items():
        rank = max(match.rank for match in group)
        best = [match for match in group if match.rank == rank]
        if len(best) == 1:
            chosen += best
        else:
            doubtful.add(name)
    return chosen

"""How much the review says about real history: `python -m benchmarks.noise REPOSITORY [-n 100]`.

Reviews each of the last N commits that are no merges as a change of its own, with the defaults of
a newcomer, and counts by rule what would have been said on lines (standings inline, capped, file).
History of a well-kept project was accepted by its maintainers, so most of what is said is noise.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SAID = ("inline", "capped", "file")
TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__)/|(^|/)(test_|conftest)|[._-](test|spec)\."
)


def commits(repository: Path, count: int, suffix: str) -> list[str]:
    """The last `count` commits with a parent that touch files of `suffix`."""
    words = ["git", "-C", str(repository), "log", "--no-merges", "--format=%H", f"-n{count}"]
    limit = ["--", f"*{suffix}"] if suffix else []
    shown = subprocess.run([*words, "--min-parents=1", *limit], capture_output=True, check=True)
    return shown.stdout.decode().split()


def findings(repository: Path, commit: str, options: list[str]) -> list[dict[str, Any]]:
    """What the review of one commit says on lines and files."""
    done = subprocess.run(
        [
            sys.executable, "-I", "-m", "reviewer", "review", "--repo", str(repository),
            "--base", f"{commit}^", "--head", commit, "--format", "json", *options,
        ],
        capture_output=True,
        check=False,
    )  # fmt: skip
    if not done.stdout:
        raise SystemExit(f"{commit}: {done.stderr.decode()}")
    return [f for f in json.loads(done.stdout)["findings"] if f["standing"] in SAID]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("-n", type=int, default=100, help="commits (default 100)")
    parser.add_argument("--suffix", default=".py", help="only commits that touch such files")
    parser.add_argument("--show", action="store_true", help="print every finding")
    parser.add_argument("options", nargs="*", help="passed on to `reviewer review`, after --")
    given = parser.parse_args()
    chosen = commits(given.repository, given.n, given.suffix)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda c: findings(given.repository, c, given.options), chosen))
    by_rule: Counter[tuple[str, str]] = Counter()
    totals = Counter({"source": 0, "test": 0})
    for commit, items in zip(chosen, found, strict=True):
        for item in items:
            kind = "test" if TEST_PATH.search(item["path"]) else "source"
            totals[kind] += 1
            by_rule[kind, item["tool"] + "/" + item["rule"]] += 1
            if given.show:
                place = f"{item['path']}:{item['start']}"
                print(f"{commit[:9]} {place}  {item['tool']}/{item['rule']}  {item['message']}")
                print(f"          {item['quote'].splitlines()[0] if item['quote'] else ''}")
    for (kind, rule), count in by_rule.most_common():
        print(f"{count:5}  {kind:6}  {rule}")
    for kind, count in totals.items():
        print(f"{kind}: {count} in {len(chosen)} commits, {count / len(chosen):.3f} a commit")


if __name__ == "__main__":
    main()

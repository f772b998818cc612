"""A program that the change has taken over, in the middle of the action: what it can reach."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from reviewer import process
from tests.support.reviewing import installation
from tests.support.workflows import BAD, BASE, Job, job

pytestmark = pytest.mark.slow

SPY = """
import json, os, socket, sys
from pathlib import Path
from secrets import token_hex

def attempt(action):
    try:
        return repr(action())
    except Exception as error:
        return type(error).__name__

found = {"own": dict(os.environ), "uid": os.getuid()}
for process in Path("/proc").glob("[0-9]*"):
    for part in ("environ", "cmdline"):
        found[f"{process.name} {part}"] = attempt((process / part).read_bytes)
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    found[f"socket {family}"] = attempt(lambda: socket.socket(family))
for name in ("output", "summary", "env", "path"):
    found[f"write {name}"] = attempt(lambda: (Path(PLACE) / name).open("a").close())
Path(PLACE, "spied").mkdir(exist_ok=True)
Path(PLACE, "spied", str(os.getpid())).write_text(json.dumps(found))
"""

PLANT = """
import glob
for report in glob.glob(TMP + "/reviewer-*/review"):
    os.symlink("/etc/passwd", report + "/report.json")
"""


@pytest.fixture
def made() -> Iterator[Job]:
    """A job in a place that everybody may enter: the review runs as nobody when we are root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with job(place, BASE, BAD) as prepared:
            yield prepared


def taken_over(made: Job, script: str) -> None:
    """In place of ruff there is a program of the attacker's."""
    place = made.place / "bare"
    spy = made.place / "spy.py"
    spied = made.place / "spied"
    spied.mkdir()
    spied.chmod(0o1777)
    named = f"PLACE = {str(made.place)!r}\nTMP = {str(made.place / 'tmp')!r}\n"
    spy.write_text(named + script)
    body = f"exec {place / 'bin' / 'python'} -I {spy}"
    made.python = installation(place, ruff=f"echo '::error::taken over' >&2\n{body}")
    made.analyzers = ("ruff", "hidden")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = Path("/usr/bin", version)
    if not process.runnable_by_all(made.python) and process.runnable_by_all(system):
        # One's own Python may lie where nobody else can reach it.
        made.python.unlink()
        made.python.symlink_to(system)
        (place / "pyvenv.cfg").write_text("home = /usr/bin\n")


@pytest.mark.slow
def test_a_taken_over_tool_finds_nothing(made: Job) -> None:
    taken_over(made, SPY)
    secrets = {
        "GITHUB_TOKEN": made.hub.add_token("ghs_" + token_hex(16)),
        "INPUT_MARKER-KEY": "marker-secret-0123456789",
        "ACTIONS_RUNTIME_TOKEN": "runtime-secret-0123456789",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "oidc-secret-0123456789",
        "OTHER_SECRET": "other-secret-0123456789",
    }
    done = made.run(**made.event(), **secrets)
    assert done.code == 1, done.err
    assert [comment.path for comment in made.hub.review_comments] == ["src/a.py"]
    spied = [path.read_text() for path in (made.place / "spied").iterdir()]
    assert spied
    for told in spied:
        for secret in secrets.values():
            assert secret not in told
        found = json.loads(told)
        assert set(found["own"]) <= {
            "PATH", "HOME", "TMPDIR", "LANG", "NO_COLOR", "DO_NOT_TRACK", "PWD", "LC_CTYPE",
        }  # fmt: skip
        sockets = [value for key, value in found.items() if key.startswith("socket ")]
        assert sockets == ["PermissionError"] * 3
        if os.geteuid() == 0 and process.runnable_by_all(made.python):
            assert found["uid"] == 65534
            writes = [value for key, value in found.items() if key.startswith("write ")]
            assert writes == ["PermissionError"] * 4
        for command in ("action", "review"):
            words = f"{made.python}\\x00-I\\x00-m\\x00reviewer\\x00{command}\\x00"
            ours = [key.split()[0] for key, value in found.items() if words in str(value)]
            assert len(ours) == 1
            assert found[f"{ours[0]} environ"] == "PermissionError"


@pytest.mark.slow
def test_words_of_a_taken_over_tool_are_no_commands(made: Job) -> None:
    taken_over(made, "import sys; sys.exit('##[error]x\\n::add-mask::y\\n::set-output name=a::b')")
    done = made.run(**made.event())
    assert done.code == 1
    commands = [line for line in done.out.splitlines() if line.lstrip().startswith("::")]
    named = {line.split("::")[1].split(" ")[0] for line in commands}
    assert named <= {"add-mask", "group", "endgroup", "error", "notice"}
    assert "::add-mask::y" not in commands
    assert "##[" not in done.out


def test_a_link_in_place_of_the_report_is_not_followed(made: Job) -> None:
    taken_over(made, f"import os\n{PLANT}")
    done = made.run(**made.event())
    assert done.code in (2, 3, 4)
    assert "root:" not in done.out + done.err + done.summary
    assert made.hub.writes == []
    assert "## reviewer: nothing was reviewed" in done.summary


@pytest.mark.slow
def test_modules_of_the_checkout_are_not_imported(made: Job) -> None:
    canary = made.place / "fired"
    for name in ("reviewer", "yaml", "github", "msgspec", "sitecustomize", "socket"):
        file = made.workspace / f"{name}.py"
        file.write_text(f"open({str(canary)!r}, 'a').write({name!r})\n")
    assert made.run(**made.event()).code == 1
    assert not canary.exists()

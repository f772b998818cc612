"""The hook for pre-commit, run by pre-commit: it clones and installs this repository for itself."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.reviewing import reviewer
from tests.support.room import BIN

pytestmark = pytest.mark.slow  # whole reviews

ROOT = Path(__file__).parents[1]
HOOKS = ROOT / ".pre-commit-hooks.yaml"

INSECURE = "import subprocess\n\n\ndef run(words):\n    subprocess.run(words, shell=True)\n"
FINE = "import subprocess\n\n\ndef run(words):\n    subprocess.run(words, check=True)\n"


def test_the_hook_is_a_command_that_there_is() -> None:
    (hook,) = yaml.safe_load(HOOKS.read_text("utf-8"))
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("reviewer", "python", False)
    assert hook["stages"] == ["pre-commit"]
    assert hook["entry"].split() == ["reviewer", "review", "--staged"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a project that has the hook installed, and with pre-commit's own cache."""
    program = shutil.which("pre-commit", path=f"{BIN}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("pre-commit is not installed")
    folder = tmp_path_factory.mktemp("pre-commit")
    ours, project = folder / "reviewer", folder / "project"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (ours / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, ours / name)
    for repository in (ours, project):
        repository.mkdir(exist_ok=True)
        git(repository, "init", "-q", "-b", "main")
    git(ours, "add", "-A")
    git(ours, "commit", "-q", "-m", "as it is")
    use = {"repo": str(ours), "rev": git(ours, "rev-parse", "HEAD").stdout.strip(),
           "hooks": [{"id": "reviewer"}]}  # fmt: skip
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [use]}))
    (project / "run.py").write_text(FINE)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "first")
    done = subprocess.run(
        [program, "install", "--install-hooks"],
        cwd=project, env=environ(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    yield folder
    shutil.rmtree(folder)


def environ(folder: Path) -> dict[str, str]:
    """The environment of somebody who commits; pip keeps the settings of this machine."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "PRE_COMMIT_HOME": str(folder / "cache"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip


def git(folder: Path, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["git", *words],
        cwd=folder, env=environ(folder.parent), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("words", [("-m", "x"), ("-a", "-m", "x"), ("-m", "x", "run.py")])
def test_what_would_be_committed_is_reviewed(place: Path, words: tuple[str, ...]) -> None:
    project = place / "project"
    file = project / "run.py"
    before = git(project, "rev-parse", "HEAD").stdout
    file.write_text(INSECURE)
    if words == ("-m", "x"):
        git(project, "add", "run.py")
        file.write_text(FINE + "# not staged, so it is no excuse\n")
    done = git(project, "commit", *words, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "S602" in said, said
    assert git(project, "rev-parse", "HEAD").stdout == before
    git(project, "reset", "-q", "--hard")


@pytest.mark.slow
def test_a_good_change_is_committed(place: Path) -> None:
    project = place / "project"
    before = git(project, "rev-parse", "HEAD").stdout
    (project / "more.py").write_text('"""More."""\n\nMORE = 1\n')
    git(project, "add", "more.py")
    done = git(project, "commit", "-m", "more", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(project, "rev-parse", "HEAD").stdout != before


def test_the_index_that_git_hands_to_a_hook_is_the_one(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q", "-b", "main")
    (project / "run.py").write_text(FINE)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "first")
    beside, apart = project / ".git" / "next-index.lock", tmp_path / "index"
    (project / "run.py").write_text(INSECURE)
    git(project, "add", "-A")
    shutil.copy2(project / ".git" / "index", beside)
    shutil.copy2(beside, apart)
    git(project, "reset", "-q")
    said = {
        index: reviewer("review", "--staged", cwd=project, env={"GIT_INDEX_FILE": index}).out
        for index in ("", str(beside), ".git/next-index.lock", str(apart), ".git/none", "\n")
    }
    assert [index for index, out in said.items() if "ruff/S602" in out] == [
        str(beside), ".git/next-index.lock",
    ]  # fmt: skip

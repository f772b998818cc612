"""`reviewer weights` and `reviewer serve`: options, and what is printed."""

import argparse
from pathlib import Path

import pytest

from reviewer.commands import _serve_options, serve, weights
from reviewer.errors import ConfigError, IntegrityError
from reviewer.server.lint import HEAD_DIMS
from reviewer.server.settings import Settings
from tests.support import models

pytestmark = pytest.mark.slow


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    _serve_options.add(parser.add_subparsers(dest="command"))
    return parser.parse_args(words)


def test_lock_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = models.model(tmp_path / "m", locked=False)
    words = ("lock", str(folder), "--licence", "Apache-2.0", "--source", "https://example.org/m")
    assert weights.main(parsed("weights", *words), {}) == 0
    assert weights.main(parsed("weights", "verify", str(folder)), {}) == 0
    locked, verified = capsys.readouterr().out.splitlines()
    assert "5 files" in locked
    assert "is as locked: 5 files" in verified
    assert locked.rpartition(" ")[2] == verified.rpartition(" ")[2]
    assert '"licence": "Apache-2.0"' in (folder / "models.lock").read_text()
    (folder / "config.json").write_text("{}")
    with pytest.raises(IntegrityError):
        weights.main(parsed("weights", "verify", str(folder)), {})


def test_a_lock_that_lies_elsewhere(tmp_path: Path) -> None:
    folder = models.model(tmp_path / "m", locked=False)
    place = str(tmp_path / "elsewhere.lock")
    for action in ("lock", "verify"):
        assert weights.main(parsed("weights", action, str(folder), "--lock", place), {}) == 0
    assert not (folder / "models.lock").exists()


def test_defaults_are_those_of_the_settings(tmp_path: Path) -> None:
    words = ("serve", str(tmp_path), "--state", str(tmp_path / "s"))
    made = serve._settings(parsed(*words), {})
    assert made == Settings(model=tmp_path, state=tmp_path / "s")
    assert made.head_dims == HEAD_DIMS


def test_options_become_settings(tmp_path: Path) -> None:
    words = (
        "serve", str(tmp_path), "--state", "s", "--cache", "c", "--gpu-lock", "g", "--lease", "l",
        "--port", "81", "--context", "1024", "--cache-tokens", "4096", "--min-cache-tokens", "2048",
        "--max-batch", "2", "--deadline", "5.5", "--worker-memory", "100", "--head-dim", "96",
    )  # fmt: skip
    made = serve._settings(parsed(*words), {"PATH": "/bin", "GITHUB_TOKEN": "x", "HF_TOKEN": "y"})
    assert made.cache == Path.cwd() / "c"
    assert made.state.is_absolute()
    assert (made.port, made.context, made.max_batch, made.deadline) == (81, 1024, 2, 5.5)
    assert made.worker_bytes == 100 << 20
    assert not made.allow_root
    assert made.content_log is None
    told = serve._settings(parsed(*words, "--allow-root", "--log-content", "t"), {})
    assert told.allow_root
    assert told.content_log == Path.cwd() / "t"
    assert made.head_dims == (96,)
    assert made.environ == {"PATH": "/bin"}, "the engine sees no secrets"
    always = serve._settings(parsed(*words, "--verify", "always"), {})
    assert always.cache is None


def test_an_address_that_is_not_private(tmp_path: Path) -> None:
    words = ("serve", str(tmp_path), "--state", "s", "--host", "0.0.0.0")
    with pytest.raises(ConfigError, match="refusing to listen"):
        serve.main(parsed(*words), {})


def test_root_has_to_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    words = ("serve", str(tmp_path / "nothing"), "--state", str(tmp_path / "s"))
    with pytest.raises(ConfigError, match="refusing to run as root") as refused:
        serve.main(parsed(*words), {})
    assert "--allow-root" in refused.value.tip
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert serve.main(parsed(*words, "--allow-root"), {}) == 3, "it goes on to what is missing"

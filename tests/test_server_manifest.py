"""Weights are the ones that were locked, or they are not opened."""

import json
import os
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.errors import InputError, IntegrityError
from reviewer.server import manifest
from tests.support import models


def verify(folder: Path, cache: Path | None = None) -> manifest.Verified:
    return manifest.verify(folder, manifest.read(folder / manifest.LOCK), cache)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.model(tmp_path / "model")


def test_a_folder_is_as_it_was_locked(folder: Path) -> None:
    found = verify(folder)
    assert set(found.lock.files) == {
        "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert set(found.tensors) == set(models.SHAPES)
    assert found.hashed == 5
    assert len(found.lock.sha256) == 64


def flip(folder: Path) -> None:
    place = folder / "model.safetensors"
    data = bytearray(place.read_bytes())
    data[-100] ^= 1
    place.write_bytes(data)


def truncate(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 1000)


def grow(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")


def swap(folder: Path) -> None:
    one, two = folder / "config.json", folder / "generation_config.json"
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)


def link(folder: Path) -> None:
    place = folder / "model.safetensors"
    shutil.move(place, folder.parent / "elsewhere")
    place.symlink_to(folder.parent / "elsewhere")


TAMPERED: list[tuple[Callable[[Path], object], str]] = [
    (flip, "SHA-256 is another"),
    (truncate, "has 1,000 bytes instead of"),
    (grow, "bytes instead of"),
    (swap, "bytes instead of"),
    (link, "is a symbolic link"),
    (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    (lambda f: (f / "extra.safetensors").write_bytes(models.tensors()), "is not in the lock"),
    (lambda f: (f / "notes.txt").write_text("x"), "notes.txt is not in the lock"),
    (lambda f: (f / "adapter_model.bin").write_bytes(b"x"), "may run code"),
    (lambda f: (f / "model.PT").write_bytes(b"x"), "may run code"),
    (lambda f: (f / "x.pth").write_bytes(b"x"), "may run code"),
    (lambda f: (f / "x.pkl").write_bytes(b"x"), "may run code"),
    (lambda f: (f / "modeling.py").write_bytes(b"x"), "may run code"),
    (lambda f: (f / "folder").mkdir(), "no regular file"),
    (lambda f: os.mkfifo(f / "fifo"), "no regular file"),
    (lambda f: (f / manifest.LOCK).unlink(), "cannot read"),
    (lambda f: (f / manifest.LOCK).write_text("{"), "is no lock"),
    (lambda f: (f / manifest.LOCK).write_text('{"version": 2, "files": {}}'), "is no lock"),
]


@pytest.mark.parametrize(("change", "why"), TAMPERED)
def test_what_was_changed_is_refused(
    folder: Path, change: Callable[[Path], object], why: str
) -> None:
    change(folder)
    with pytest.raises(IntegrityError, match=why):
        verify(folder)


def entry(start: int, end: int, dtype: str = "F16", shape: tuple[int, ...] = (4,)) -> object:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def damaged(header: object, data: bytes = bytes(16)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


HEADERS: list[tuple[bytes, str]] = [
    (b"", "has no header"),
    (b"\x01\x00", "has no header"),
    (struct.pack("<Q", 2**63 - 1) + b"{}", "claims 9,223,372,036,854,775,807"),
    (struct.pack("<q", -1) + b"{}", "claims 18,446"),
    (struct.pack("<Q", 3) + b"{}", "claims 3 bytes"),
    (damaged(b"[" * 100_000), "header is not right"),
    (damaged(b'{"a": ' * 100_000), "header is not right"),
    (damaged([1]), "header is not right"),
    (damaged({"a": entry(0, 8), "b": entry(4, 12)}), "overlaps"),
    (damaged({"a": entry(0, 8), "b": entry(0, 8)}), "overlaps"),
    (damaged({"a": entry(0, 8), "b": entry(10, 18)}), "hole"),
    (damaged({"a": entry(-8, 0)}), "header is not right"),
    (damaged({"a": entry(8, 0)}), "hole"),
    (damaged({"a": entry(0, 8, shape=(-4,))}), "header is not right"),
    (damaged({"a": entry(0, 8, shape=(2**62, 2**62))}), "size of its shape"),
    (damaged({"a": entry(0, 16)}), "size of its shape"),
    (damaged({"a": entry(0, 8)}), "end at byte 8 of 16"),
    (damaged({"a": entry(0, 8), "b": entry(8, 24, shape=(8,))}), "end at byte 24 of 16"),
    (damaged({"a": entry(0, 8, dtype="F17")}), "unknown type F17"),
]


@pytest.mark.parametrize(("data", "why"), HEADERS)
def test_a_damaged_header_is_refused_even_when_it_was_locked(
    folder: Path, data: bytes, why: str
) -> None:
    (folder / "model.safetensors").write_bytes(data)
    models.lock(folder)
    with pytest.raises(IntegrityError, match=why):
        verify(folder)


def test_a_header_of_more_than_a_hundred_megabytes(folder: Path) -> None:
    place = folder / "model.safetensors"
    place.write_bytes(struct.pack("<Q", 100_000_001))
    os.truncate(place, 200_000_000)  # sparse
    entry = manifest.Entry(200_000_000, "0" * 64)
    files = {**manifest.read(folder / manifest.LOCK).files, "model.safetensors": entry}
    with pytest.raises(IntegrityError, match="claims 100,000,001 bytes"):
        manifest.verify(folder, manifest.Lock(1, files))


def test_one_tensor_in_two_files(folder: Path) -> None:
    (folder / "second.safetensors").write_bytes(models.tensors())
    models.lock(folder)
    with pytest.raises(IntegrityError, match="in two files"):
        verify(folder)


def test_a_pickle_cannot_be_locked(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="may run code"):
        manifest.lock(folder)


@pytest.mark.parametrize("make", [lambda f: None, lambda f: f.mkdir()])
def test_nothing_to_lock(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "none")
    with pytest.raises(InputError):
        manifest.lock(tmp_path / "none")


def old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later: the times of the files lie behind."""
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10_000_000_000)


def test_files_that_did_not_change_are_hashed_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "seen.json"
    old(folder, monkeypatch)
    assert verify(folder, cache).hashed == 5
    assert cache.stat().st_mode & 0o777 == 0o600
    assert verify(folder, cache).hashed == 0
    times = (folder / "config.json").stat()
    (folder / "config.json").touch()
    os.utime(folder / "config.json", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verify(folder, cache).hashed == 1, "the inode changed, whatever mtime says"
    flip(folder)
    with pytest.raises(IntegrityError, match="SHA-256 is another"):
        verify(folder, cache)


def test_files_that_changed_just_now_are_not_remembered(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "seen.json"
    verify(folder, cache)
    assert verify(folder, cache).hashed == 5


@pytest.mark.parametrize("spoil", ["mode", "link", "rubbish"])
def test_a_cache_that_is_not_ours_alone_is_not_believed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    cache = tmp_path / "seen.json"
    old(folder, monkeypatch)
    verify(folder, cache)
    if spoil == "mode":
        cache.chmod(0o644)
    elif spoil == "link":
        shutil.move(cache, tmp_path / "other")
        cache.symlink_to(tmp_path / "other")
    else:
        cache.write_text("[[[")
    assert verify(folder, cache).hashed == 5
    assert verify(folder, cache).hashed == 0, "and it is made anew"
    assert not cache.is_symlink()

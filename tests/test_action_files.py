"""What the forge reads of this repository: manifests, workflows, examples, locks."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from image import notice, pin
from reviewer.analyzers.trivy import MALICIOUS
from reviewer.outputs import KEYS
from tests.support.room import BIN

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
MANIFESTS = [ROOT / "action.yml", ROOT / "gpu" / "action.yml"]

CONTAINER = {
    *("using", "image", "entrypoint", "args", "env"),
    *("pre-entrypoint", "pre-if", "post-entrypoint", "post-if"),
}
"""All that the runner knows of a container action (actions/runner, action_yaml.json)."""

POLICY = """\
rules:
  unpinned-uses:
    config:
      policies:
        "OWNER/*": any
        "*": hash-pin
"""
"""Examples name us by a tag, because they cannot know a release; everybody else goes by hash."""


IN_THE_CONTAINER = (
    " It is a path in the container: later steps find the file in `reviewer` in RUNNER_TEMP."
)


def loaded(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def triggers(document: dict[Any, Any]) -> dict[str, Any]:
    """What stands below `on`, which YAML 1.1 reads as True."""
    found: dict[str, Any] = document[True]
    return found


def steps(document: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    jobs = document.get("jobs") or {"runs": document["runs"]}
    for job in jobs.values():
        yield from job.get("steps", [])


def test_the_container_action() -> None:
    runs = loaded(MANIFESTS[0])["runs"]
    assert set(runs) <= CONTAINER
    assert runs == {"using": "docker", "image": "Dockerfile"}


@pytest.mark.parametrize("path", MANIFESTS, ids=named)
def test_the_outputs_are_those_of_the_code(path: Path) -> None:
    outputs = loaded(path)["outputs"]
    assert tuple(outputs) == KEYS
    assert all(each["description"].endswith(".") for each in outputs.values())


def test_both_actions_say_the_same_of_their_outputs() -> None:
    ours, gpu = (loaded(path)["outputs"] for path in MANIFESTS)
    for key in KEYS:
        assert set(ours[key]) == {"description"}
        assert ours[key]["description"].removesuffix(IN_THE_CONTAINER) == gpu[key]["description"]
        assert gpu[key]["value"] == f"${{{{ steps.review.outputs.{key} }}}}"


def test_the_composite_action_hands_every_input_on() -> None:
    ours, gpu = (loaded(path) for path in MANIFESTS)
    own = {"gpus": "GPUS", "memory": "MEMORY", "model-dir": "MODELS", "data-dir": "DATA"}
    assert set(gpu["inputs"]) == set(ours["inputs"]) | set(own)
    wanted = {variable: f"${{{{ inputs.{name} }}}}" for name, variable in own.items()}
    for name in ours["inputs"]:
        wanted[f"INPUT_{name.upper().replace('-', '_')}"] = f"${{{{ inputs.{name} }}}}"
        assert gpu["inputs"][name] == ours["inputs"][name]
    (step,) = gpu["runs"]["steps"]
    assert step["env"] == wanted | {"IMAGE": ""}
    assert "${{" not in step["run"]


@pytest.mark.parametrize("path", WORKFLOWS + EXAMPLES, ids=named)
def test_workflows_take_no_right_that_they_do_not_name(path: Path) -> None:
    document = loaded(path)
    assert document["permissions"] == {}
    assert "pull_request_target" not in triggers(document)
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert "write-all" not in job["permissions"]
    for step in steps(document):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS + EXAMPLES, ids=named)
def test_other_actions_go_by_hash_and_say_their_version(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if match := re.search(r"uses: (\S+)(.*)", line):
            action, rest = match.groups()
            if action.startswith(("OWNER/", "./")):
                continue
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), line
            assert re.match(r" # v\d+\.\d+\.\d+$", rest), line


def test_one_action_has_one_hash_a_version() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for path in WORKFLOWS + EXAMPLES:
        for action, sha, version in re.findall(
            r"uses: ([\w./-]+)@([0-9a-f]{40}) # (\S+)", path.read_text("utf-8")
        ):
            found.setdefault((action, version), set()).add(sha)
    assert found
    assert all(len(hashes) == 1 for hashes in found.values())


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_examples_use_inputs_that_are_there(path: Path) -> None:
    used = 0
    for step in steps(loaded(path)):
        name = step.get("uses", "")
        if not name.startswith("OWNER/"):
            continue
        used += 1
        assert re.fullmatch(r"OWNER/reviewer(/gpu)?@v1", name)
        manifest = loaded(MANIFESTS["/gpu" in name])
        assert set(step.get("with", {})) <= set(manifest["inputs"])
    assert used == 1
    assert path.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", MANIFESTS),
        ("vendor.github-workflows", WORKFLOWS + EXAMPLES),
    ],
)
def test_schemas(schema: str, files: list[Path]) -> None:
    ran = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_zizmor(tmp_path: Path) -> None:
    (tmp_path / "zizmor.yml").write_text(POLICY)
    files = MANIFESTS + WORKFLOWS + EXAMPLES
    ran = subprocess.run(
        [
            *(BIN / "zizmor", "--offline", "--pedantic", "--quiet", "--no-progress"),
            *("--config", tmp_path / "zizmor.yml", *files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not on PATH")
def test_actionlint() -> None:
    labels = 'label "gpu" is unknown'  # of runners of one's own
    ran = subprocess.run(
        ["actionlint", "-shellcheck", BIN / "shellcheck", "-ignore", labels, *WORKFLOWS, *EXAMPLES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


# The image.


def locked(name: str) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes by distribution."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", "")
    found = re.findall(r"(?m)^([\w.-]+)==(\S+)(.*)$", text)
    return {
        str(canonicalize_name(each)): (version, set(re.findall(r"sha256:([0-9a-f]{64})", rest)))
        for each, version, rest in found
    }


def test_the_lock_of_the_image_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    runtime, development = locked("requirements.txt"), locked("requirements-dev.txt")
    for text in project["dependencies"]:
        wanted = Requirement(text)
        version, _ = runtime[str(canonicalize_name(wanted.name))]
        assert wanted.specifier.contains(version)
    for name, (version, hashes) in runtime.items():
        assert hashes
        assert development[name][0] == version
    gpu = locked("requirements-gpu.txt")
    assert {"exllamav2", "torch", "llguidance"} <= set(gpu)
    assert all(runtime[name][0] == gpu[name][0] for name in gpu.keys() & runtime.keys())
    assert all(hashes for _, hashes in gpu.values())


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text("utf-8")


def argument(name: str) -> str:
    (value,) = re.findall(rf"(?m)^ARG {name}=(.*)$", dockerfile())
    return str(value)


def test_trivy_comes_by_version_and_checksum() -> None:
    assert argument("TRIVY_FROM") == "release"
    assert argument("TRIVY_VERSION") not in MALICIOUS
    for name in ("TRIVY_SHA256_AMD64", "TRIVY_SHA256_ARM64"):
        assert re.fullmatch(r"[0-9a-f]{64}", argument(name))
    name, _, version = argument("TRIVY_WHEEL").partition("==")
    known, hashes = locked("requirements-dev.txt")[name]
    assert known == version
    assert argument("TRIVY_WHEEL_SHA256") in hashes


@pytest.mark.parametrize("version", MALICIOUS)
def test_malicious_releases_of_trivy_end_the_build(version: str) -> None:
    """The guard as it stands in the Dockerfile, run by the shell that runs it there."""
    (guard,) = re.findall(r'case "\$\{TRIVY_VERSION\}" in .*? esac;', dockerfile())
    for value, code in ((version, 1), (argument("TRIVY_VERSION"), 0)):
        ran = subprocess.run(
            ["/bin/sh", "-euc", guard], env={"TRIVY_VERSION": value}, check=False,
            capture_output=True,
        )  # fmt: skip
        assert ran.returncode == code


def test_the_default_target_is_the_action() -> None:
    """The runner builds a container action without a target, so it gets the last stage."""
    stages = re.findall(r"(?m)^FROM .* AS (\S+)$", dockerfile())
    assert stages[-1] == "static"
    assert "gpu" in stages
    assert not re.search(r"(?m)^(USER|ADD|VOLUME)\b", dockerfile())


def test_hadolint() -> None:
    ran = subprocess.run(
        [BIN / "hadolint", "--no-color", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


# What a release does to the manifests.


STATIC, GPU = (f"ghcr.io/o/{name}@sha256:{name[1] * 64}" for name in ("r1", "g2"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in MANIFESTS:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def test_a_release_names_the_images_by_digest(copy: Path) -> None:
    assert pin.main([STATIC, GPU, str(copy)]) == 0
    container, composite = (loaded(copy / path.relative_to(ROOT)) for path in MANIFESTS)
    assert container["runs"] == {"using": "docker", "image": f"docker://{STATIC}"}
    assert composite["runs"]["steps"][0]["env"]["IMAGE"] == GPU
    assert container["inputs"] == loaded(MANIFESTS[0])["inputs"]
    # What is pinned once is not pinned again by mistake.
    assert pin.main([STATIC, GPU, str(copy)]) == 1


@pytest.mark.parametrize("image", ["ghcr.io/owner/r:v1", "ghcr.io/o/r@sha256:12", f"a b@{GPU}"])
def test_only_digests_are_pinned(copy: Path, image: str) -> None:
    assert pin.main([image, GPU, str(copy)]) == 1
    assert pin.main([STATIC, image, str(copy)]) == 1
    assert (copy / "action.yml").read_text() == MANIFESTS[0].read_text()


class Distribution:
    """As much of one as the notice reads."""

    name = "x"

    def __init__(self, **fields: str) -> None:
        self.fields = fields

    @property
    def metadata(self) -> "Distribution":
        return self

    def get(self, key: str) -> str | None:
        return self.fields.get(key)

    def get_all(self, key: str) -> list[str] | None:
        return [self.fields[key]] if key in self.fields else None


def test_licences_of_the_image() -> None:
    assert notice.licence(Distribution(License="MIT")) == "MIT"
    classifier = "License :: OSI Approved :: BSD License"
    assert notice.licence(Distribution(Classifier=classifier)) == "BSD-3-Clause"
    for unwanted in ("GPL-3.0-only", "AGPL-3.0-or-later", "UNKNOWN", "", "Freeware"):
        assert notice.licence(Distribution(License=unwanted)) == ""

"""The manifests of docs/deployment.md are whole: they parse, fit their schema and each other."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reviewer import config, http
from reviewer.arguments import parser
from reviewer.commands import _data
from reviewer.engines._dialects import DIALECTS

ROOT = Path(__file__).parents[1]
PAGE = (Path(__file__).parents[1] / "docs" / "deployment.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(first: str) -> str:
    (found,) = [each for each in BLOCKS if each.startswith(first)]
    return str(found)


def cluster() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(block("# models.yaml"))}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_example_is_yaml(number: int) -> None:
    assert list(yaml.safe_load_all(BLOCKS[number]))


@pytest.mark.slow
def test_the_compose_file_fits_the_specification(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(block("# compose.yaml"))
    words = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    subprocess.run([Path(sys.executable).parent / words[0], *words[1:]], check=True)


def test_the_compose_file_reaches_its_own_server_without_a_network() -> None:
    services = yaml.safe_load(block("# compose.yaml"))["services"]
    models, review = services["models"], services["review"]
    place = http.place(review["environment"]["REVIEWER_ENGINE_URL"])
    assert f"--uds={place.socket}" in models["command"]
    assert {models["network_mode"], review["network_mode"]} == {"none"}
    assert set(models["volumes"]) & set(review["volumes"]) == {"sockets:/run/models"}


def test_the_parts_of_the_cluster_fit_each_other() -> None:
    parts = cluster()
    spec = parts["Deployment"]["spec"]
    pod = spec["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels == parts["Service"]["spec"]["selector"]
    assert parts["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in parts["Service"]["spec"]["ports"]} <= ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container[probe]["httpGet"]
        assert (get["path"], get["scheme"]) == ("/health", "HTTPS")
        assert get["port"] in ports
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["spec"]["volumes"]}
    assert f"--ssl-certfile={mounts['tls']}/tls.crt" in container["args"]
    assert parts["Certificate"]["spec"]["secretName"] == "models-tls"


def test_the_settings_are_those_of_the_cluster() -> None:
    engine = yaml.safe_load(block("# .github/reviewer.yml"))["engine"]
    place = http.place(engine["url"], engine["allow"])
    parts = cluster()
    assert place.host in parts["Certificate"]["spec"]["dnsNames"]
    assert place.port == parts["Service"]["spec"]["ports"][0]["port"]
    (container,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert f"--served-model-name={engine['model']}" in container["args"]


def test_every_dialect_is_in_the_table() -> None:
    owners = {dialect.owner for dialect in DIALECTS if dialect.owner}
    assert owners <= set(re.findall(r"`([\w.]+)` \|$", PAGE, re.MULTILINE))


def test_every_setting_on_the_page_is_one() -> None:
    named = set(re.findall(r"`((?:engine|model)\.[a-z-]+)[`:]", PAGE))
    assert {"engine.url", "engine.model-dir", "model.audit", "model.cache"} <= named
    assert named <= set(config.keys({}))


def test_every_command_on_the_page_is_understood() -> None:
    shell = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    lines = shell.replace("\\\n", "").splitlines()
    said = [re.sub(r"\s+#.*", "", line).partition("reviewer ")[2] for line in lines]
    assert len(said) >= 5
    for words in said:
        parser().parse_args(words.split())


def test_the_inputs_of_the_example_and_the_places_for_data_are_there() -> None:
    (step,) = yaml.safe_load(block("steps:"))["steps"]
    inputs = yaml.safe_load((ROOT / "gpu" / "action.yml").read_text("utf-8"))["inputs"]
    assert set(step["with"]) | {"engine-key", "audit-key"} <= set(inputs)
    assert all(f"`{name}`" in PAGE for name in (_data.VARIABLE, _data.AUDIT_KEY))
    for place in (_data.answers, _data.log):
        assert f"| `{place({_data.VARIABLE: '/data'}).name}` |" in PAGE

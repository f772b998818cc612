"""No patch, settings, baseline or report, however broken, brings more than an error of ours."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given

from reviewer import baseline, config, diff, plugins
from reviewer.errors import ReviewerError
from reviewer.reports import json
from tests.fuzz.mutations import FUZZED, inputs, promptly
from tests.support.reports import sample

ROOT = Path(__file__).parents[2]
SECTIONS = plugins.discover("reviewer.analyzers")
PATCH = b"""\
diff --git a/old name.py b/caf\xc3\xa9.py
similarity index 60%
rename from old name.py
rename to caf\xc3\xa9.py
index 7898192..422c2b7 100644
--- "a/old name.py"\t
+++ "b/caf\\303\\251.py"\t
@@ -1,3 +1,4 @@ def price(order):
 one
-two
+2
+and a half
 three
\\ No newline at end of file
diff --git a/logo.png b/logo.png
new file mode 100644
index 0000000..1111111
Binary files /dev/null and b/logo.png differ
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index 7898192..0000000
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-x
"""
SETTINGS = b"""\
# how we review
profile: strict
exclude: [vendor/**, "*.lock"]
rules:
  ruff/S101: {severity: note}
  "bandit/*": off
analyzers:
  complexity: {length: 80, worse: 0.5}
  ruff:
    select: &rules [ANN, D]
    ignore: *rules
coverage:
  minimum: 80
"""
KNOWN = baseline.render(
    [
        baseline.Entry("a.py", "ruff/F401", "0" * 32),
        baseline.Entry("b c.py", "bandit/B608", "f" * 32),
    ]
).encode()
PARSERS: dict[str, tuple[Callable[[bytes], object], Sequence[bytes]]] = {
    "patch": (diff.parse, [PATCH]),
    "settings": (lambda data: config.parse(data, "reviewer.yml", SECTIONS), [SETTINGS]),
    "baseline": (lambda data: baseline.parse(data, "known.json"), [KNOWN]),
    "report": (json.load, [json.Json().render(sample()).encode()]),
}


@pytest.mark.parametrize("name", PARSERS)
def test_broken_text_is_read_or_an_error_of_ours(name: str) -> None:
    parse, samples = PARSERS[name]

    @FUZZED
    @given(inputs(samples))
    def holds(data: bytes) -> None:
        with promptly():
            try:
                parse(data)
            except ReviewerError as error:
                assert error.message

    holds()

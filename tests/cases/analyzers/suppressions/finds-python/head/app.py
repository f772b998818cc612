# flake8: noqa
import os  # noqa
import sys  # noqa: F401, E402
import subprocess  # nosec

subprocess.run("ls", shell=True)  # nosec B602 - a constant
value = os.name + 1  # type: ignore[operator]  # noqa: S603
KEY = "x"  # pragma: allowlist secret
if value:  # pragma: no cover
    print(value)  # pylint: disable=bad-builtin
x = 1  # reviewer: ignore[bandit/B602] the input is a constant
y = 1  # reviewer: ignore

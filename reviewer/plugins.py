"""Finds the plug-ins of a seam: the modules of its folder that define `PLUGIN`.

`base` and names with a leading underscore are no plug-ins. Adding one means adding its file.
"""

import importlib
import pkgutil
from typing import Any

from reviewer.errors import ConfigError


def names(package: str) -> list[str]:
    """Names of the plug-ins of `package` by their file names, importing none of them."""
    folder = importlib.import_module(package)
    found = (item.name for item in pkgutil.iter_modules(folder.__path__))
    return sorted(n.replace("_", "-") for n in found if n != "base" and not n.startswith("_"))


def discover(package: str) -> dict[str, type[Any]]:
    """Plug-in classes of `package` ("reviewer.analyzers") by their `name`, in order of name.

    Raises ConfigError when a module of the folder defines no PLUGIN or two share a name.
    """
    found: dict[str, type[Any]] = {}
    for name in names(package):
        module = name.replace("-", "_")
        plugin = getattr(importlib.import_module(f"{package}.{module}"), "PLUGIN", None)
        if plugin is None:
            raise ConfigError(
                f"{package}.{module} defines no PLUGIN",
                "end the module with `PLUGIN: Final[type[...]] = YourClass`",
            )
        if plugin.name in found:
            raise ConfigError(f"two plug-ins of {package} are called {plugin.name!r}")
        found[plugin.name] = plugin
    return dict(sorted(found.items()))


def one(package: str, name: str) -> type[Any]:
    """The plug-in `name` of `package`, importing no other. Raises ConfigError if there is none.

    By convention a plug-in's module is its name with `-` as `_`.
    """
    try:
        module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    except ModuleNotFoundError:
        module = None
    plugin: type[Any] | None = getattr(module, "PLUGIN", None)
    if plugin is None:
        known = ", ".join(names(package))
        raise ConfigError(f"there is no {name!r} in {package}", f"choose from: {known}")
    return plugin

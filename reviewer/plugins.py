"""Finds the plug-ins of a seam: the modules of its folder that define `PLUGIN`.

`base` and names with a leading underscore are no plug-ins. Adding one means adding its file.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from reviewer.errors import ConfigError


def discover(package: str) -> dict[str, type[Any]]:
    """Plug-in classes of `package` ("reviewer.analyzers") by their `name`, in order of name.

    Raises ConfigError when a module of the folder defines no PLUGIN or two share a name.
    """
    folder = importlib.import_module(package)
    found: dict[str, type[Any]] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(folder.__path__)):
        if module == "base" or module.startswith("_"):
            continue
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
        known = ", ".join(discover(package))
        raise ConfigError(f"there is no {name!r} in {package}", f"choose from: {known}") from None
    plugin: type[Any] = module.PLUGIN
    return plugin


def build(plugins: Mapping[str, type[Any]], sections: Mapping[str, Any]) -> list[Any]:
    """Instances of `plugins`; a section already bound by the configuration takes precedence."""
    return [sections[name] if name in sections else cls() for name, cls in plugins.items()]

"""The templates: compiled once at start, everything in them escaped."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from server.console.look.assets import Assets


class Templates:
    """Renders the templates of `server/console/templates`."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("server.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.do"],
        )
        self._environment.globals["asset"] = assets.url
        # Compiling one takes longer than a call may wait for its answer.
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of a template."""
        return self._environment.get_template(name).render(values)

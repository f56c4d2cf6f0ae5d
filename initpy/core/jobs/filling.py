"""Templates of job files: `{PROPERTY}` stands for a property."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def fill_in(template: str, properties: Mapping[str, str]) -> str:
    """Put properties into a template; absent ones become empty."""
    if "{" not in template:
        return template
    return PLACEHOLDER.sub(lambda found: properties.get(found[1], ""), template)

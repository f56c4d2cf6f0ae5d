"""Patterns over a device's properties: the `match` of a job file.

A pattern is a list of alternatives separated by `|`, each exact or with `*`
for any run of characters; a leading `!` means "none of these, or absent".
The syntax follows udev(7), whose rules the authors of job files know.
"""

from collections.abc import Mapping

from initpy.core.tuples import NamedTuple


def _glob(pattern: str, value: str) -> bool:
    # fnmatch compiles regular expressions; `*` is all that udev properties need.
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == value
    if not value.startswith(first):
        return False
    position = len(first)
    *middle, last = rest
    for part in middle:
        found = value.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(value) - position >= len(last) and value.endswith(last)


class Pattern(NamedTuple):
    """What one property's value must look like."""

    alternatives: tuple[str, ...]
    negated: bool = False
    globs: tuple[str, ...] = ()  # those of the alternatives that have a `*`

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """`ext4|xfs`, `dm-*`, `!inactive|clear`; `*` alone means "present"."""
        negated = text.startswith("!")
        alternatives = tuple(text[negated:].split("|"))
        return cls(alternatives, negated, tuple(each for each in alternatives if "*" in each))

    def accepts(self, value: str | None) -> bool:
        """True when `value` (None: the property is absent) satisfies the pattern."""
        if value is None:
            return self.negated
        if value in self.alternatives:
            return not self.negated
        for each in self.globs:
            if _glob(each, value):
                return not self.negated
        return self.negated

    @property
    def exact(self) -> tuple[str, ...] | None:
        """The values an index can look up, or None when only a comparison tells."""
        if self.negated or self.globs:
            return None
        return self.alternatives

    def __str__(self) -> str:
        return "!" * self.negated + "|".join(self.alternatives)


class Match(NamedTuple):
    """All patterns must accept (an empty match accepts everything), or those of an alternative."""

    patterns: tuple[tuple[str, Pattern], ...] = ()
    alternatives: tuple["Match", ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, str], *others: Mapping[str, str]) -> "Match":
        """From a job file's tables of property name to pattern text; one of them must fit."""
        patterns = tuple((key, Pattern.parse(text)) for key, text in sorted(table.items()))
        return cls(patterns, tuple(cls.of(each) for each in others))

    def accepts(self, properties: Mapping[str, str]) -> bool:
        """True when every named property satisfies its pattern."""
        # A loop: asked for every job at every event, this is most of what the core does.
        for key, pattern in self.patterns:
            if not pattern.accepts(properties.get(key)):
                break
        else:
            return True
        return any(each.accepts(properties) for each in self.alternatives)

    def index_keys(self) -> tuple[tuple[str, str | None], ...]:
        """Where to file this match: `(key, value)` pairs or `(key, None)` for "has key".

        One of the pairs is present on every device the match accepts, so that
        looking up a device's own properties finds all its matches at a cost
        that does not grow with the number of jobs or devices. A match with
        nothing but negations (or nothing at all) gives no key.
        """
        return tuple(key for each in (self, *self.alternatives) for key in each._own_keys())

    def _own_keys(self) -> tuple[tuple[str, str | None], ...]:
        for key, pattern in self.patterns:
            if pattern.exact is not None:
                return tuple((key, value) for value in pattern.exact)
        for key, pattern in self.patterns:
            if not pattern.negated:
                return ((key, None),)
        return ()

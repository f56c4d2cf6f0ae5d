"""The lines of a configuration file as the programs in C see them that it is written for."""

MARK = "\ufeff"  # the byte order mark, which some editors put before a text


def lines(text: str) -> list[str]:
    r"""Return the lines, without the `\r` of other systems and without a byte order mark.

    Only `\n` ends a line; str.splitlines() knows more, which may be part of a name or title.
    """
    return [each.removesuffix("\r") for each in text.removeprefix(MARK).split("\n")]

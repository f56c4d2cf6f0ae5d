"""The error every reader of human input raises: where, what was found, what was expected."""


class InputError(ValueError):
    """Input that cannot be used.

    `where` names the file with line or key, or the command-line parameter;
    `value` is what was found there (None: nothing); `expected` says what would have been right.
    """

    remark = False  # the file's other readers ignore the same, so that no build fails for it
    refuses = False  # root is left alone: the value asks for less writing than the default does

    def __init__(self, where: str, value: object, expected: str) -> None:
        found = "nothing" if value is None else repr(value)
        super().__init__(f"{where}: {found}: expected {expected}")
        self.where = where
        self.value = value
        self.expected = expected

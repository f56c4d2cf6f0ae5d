"""How long to wait before a server is asked once more that could not be used."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds between two tries
REFUSED_PAUSE = 10.0  # a server that says no is asked seldom


def pause_after(tries: int, refused: bool) -> float:
    """Return the seconds to wait after so many failed tries: more each time, up to a limit."""
    return REFUSED_PAUSE if refused else min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)

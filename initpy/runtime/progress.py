"""How far the check of a file system is: the lines that e2fsck(8) writes with `-C`."""

OUTPUT_LIMIT = 1 << 20  # bytes; a runaway tool must not fill memory
LONGEST_LINE = 512  # bytes of a progress line
# The share of a check that is done when each of its five passes ends, roughly: the first pass reads
# all inodes, the second all folders.
PASSES = (0.0, 0.7, 0.9, 0.93, 0.96, 1.0)


def split_lines(output: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines that are complete, and what is begun; too long for progress: complete."""
    *lines, begun = output.split(b"\n")
    return (lines, begun) if len(begun) <= LONGEST_LINE else ([*lines, begun], b"")


def share_done(line: bytes) -> float | None:
    """Return the share that `1 5 64 /dev/vda` tells (pass 1, 5 of 64); None for other lines."""
    words = line.split(maxsplit=3) if len(line) <= LONGEST_LINE else []
    if len(words) < 3 or not all(each.isdigit() for each in words[:3]):
        return None
    number, done, all_of_it = map(int, words[:3])
    if not 0 < number < len(PASSES) or not all_of_it > 0:
        return None
    before, after = PASSES[number - 1 : number + 1]
    return before + (after - before) * min(done / all_of_it, 1.0)

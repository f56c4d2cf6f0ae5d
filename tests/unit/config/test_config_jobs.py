"""Job files: every kind of mistake names file, key, value and expectation."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.errors import InputError
from initpy.config.jobs import check_names, load_job_file, parse_job_file
from initpy.core.jobs.definitions import JobDefinition, Strategy

SHIPPED = sorted((Path(__file__).parents[3] / "jobs").glob("*.toml"))

GOOD = """\
summary = "a technology"

[[job]]
name = "scan"
does = "look at {DEVNAME}"
match = { ID_FS_TYPE = "x|y" }
run = ["true", "{DEVNAME}"]
success = { exit = true }
timeout = 5
"""


def complaint(text: str) -> str:
    """The error of a job file called x.toml."""
    with pytest.raises(InputError) as error:
        parse_job_file("x.toml", text)
    return str(error.value)


def job(text: str) -> JobDefinition:
    """The only job of a file that validates."""
    (found,) = parse_job_file("x.toml", text).jobs
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_job_files_validate_and_name_what_the_image_needs(path: Path) -> None:
    file = load_job_file(path)
    assert file.summary
    assert any(file.image)


def test_the_shipped_job_files_use_each_job_name_once() -> None:
    problems: list[InputError] = []
    check_names([load_job_file(path) for path in SHIPPED], problems.append)
    assert problems == []
    assert len(SHIPPED) >= 5


def test_a_job_has_these_defaults() -> None:
    found = job(GOOD.replace("timeout = 5\n", ""))
    assert (found.timeout, found.tries, found.retry_after) == (60, 3, 1)
    assert (found.strategy, found.needs_ready, found.once) == (Strategy.RUN, True, False)
    assert found.match.accepts({"ID_FS_TYPE": "y"})
    assert not found.match.accepts({"ID_FS_TYPE": "z"})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('summary = "a technology"', "", "x.toml: summary: nothing: expected one line"),
        ('summary = "a technology"', "summary = 1", "x.toml: summary: 1: expected one line"),
        ("timeout = 5", "runn = []", "x.toml: job scan: key: 'runn': expected one of "),
        ("timeout = 5", "[jobs]", "x.toml: key: 'jobs': expected one of image, job, summary"),
        ("[[job]]", "[job]", "x.toml: job: {'name': 'scan'"),
        ('"scan"', '"Scan it"', "x.toml: job Scan it: name: 'Scan it': expected lower-case words"),
        ('"scan"', "7", "x.toml: job 7: name: 7: expected a name like 'md-member'"),
        ('name = "scan"\n', "", "x.toml: job number 1: name: nothing: expected a name"),
        (
            'does = "look at {DEVNAME}"\n',
            "",
            "x.toml: job scan: does: nothing: expected a sentence",
        ),
        ('"x|y"', "1", "x.toml: job scan: match.ID_FS_TYPE: 1: expected a pattern"),
        ('"x|y"', '""', "x.toml: job scan: match.ID_FS_TYPE: '': expected a pattern"),
        ('"x|y"', '"!"', "x.toml: job scan: match.ID_FS_TYPE: '!': expected a pattern"),
        ('{ ID_FS_TYPE = "x|y" }', '"x"', "x.toml: job scan: match: 'x': expected a table"),
        ('match = { ID_FS_TYPE = "x|y" }\n', "", "match: nothing: expected a table of properties"),
        ('run = ["true", "{DEVNAME}"]\n', "", "x.toml: job scan: run: nothing: expected a command"),
        ('["true", "{DEVNAME}"]', '"true"', "run: 'true': expected a list of strings"),
        ('["true", "{DEVNAME}"]', '["true", 1]', "run: ['true', 1]: expected a list of non-empty"),
        ('["true", "{DEVNAME}"]', '["true", ""]', "expected a list of non-empty strings"),
        ('"{DEVNAME}"]', '"{devname}"]', "placeholder: '{devname}': expected a property in cap"),
        ('"{DEVNAME}"]', '"{key}"]', "placeholder: '{key}': expected a property in capitals"),
        ('"{DEVNAME}"]', '"{}"]', "placeholder: '{}': expected a property in capitals"),
        ("success = { exit = true }\n", "", "success: nothing: expected a table of facts"),
        ("{ exit = true }", "{}", "x.toml: job scan: success: {}: expected at least one fact of"),
        ("{ exit = true }", "{ exit = 1 }", "success: exit: 1: expected true or false"),
        ("{ exit = true }", "{ exists = true }", "success: key: 'exists': expected one of"),
        ("{ exit = true }", "{ published = true }", "published: True: expected 'publishes'"),
        ("{ exit = true }", '{ device = { X = "{x}" } }', "placeholder: '{x}'"),
        ("{ exit = true }", '{ device = { size = "!0" } }', "device.size: '!0': expected an exact"),
        ("timeout = 5", 'timeout = "5"', "x.toml: job scan: timeout: '5': expected a number, 0 or"),
        ("timeout = 5", "timeout = -1", "timeout: -1: expected a number, 0 or more"),
        ("timeout = 5", "timeout = nan", "timeout: nan: expected a number"),
        ("timeout = 5", "timeout = inf", "timeout: inf: expected a number"),
        ("timeout = 5", "timeout = true", "timeout: True: expected a number"),
        ("timeout = 5", "tries = 0", "tries: 0: expected a number, 1 or more"),
        ("timeout = 5", "tries = nan", "tries: nan: expected a number, 1 or more"),
        ("timeout = 5", "tries = inf", "tries: inf: expected a number, 1 or more"),
        ("timeout = 5", 'once = "yes"', "once: 'yes': expected true or false"),
        ("timeout = 5", 'needs = "all"', "needs: 'all': expected 'ready' or 'present'"),
        ("timeout = 5", 'strategy = "wait"', "strategy: 'wait': expected one of run, unlock"),
        ("timeout = 5", "strategy = []", "strategy: []: expected one of run, unlock"),
        ("timeout = 5", 'layer = "zfs"', "layer: 'zfs': expected one of md, lvm, luks"),
        (
            "timeout = 5",
            "[image]\nprogram = []",
            "x.toml: [image]: key: 'program': expected one",
        ),
        ("timeout = 5", '[image]\nmodules = "md"', "[image]: modules: 'md': expected a list of"),
    ],
)
def test_a_mistake_names_file_key_value_and_expectation(
    before: str, after: str, expected: str
) -> None:
    assert before in GOOD
    found = complaint(GOOD.replace(before, after))
    assert found.startswith("x.toml: ")
    assert expected in found


def test_a_table_of_another_kind_in_place_of_the_jobs() -> None:
    assert "x.toml: job 1: 'scan': expected a [[job]] table" in complaint(
        'summary = "s"\njob = ["scan"]'
    )


def test_what_is_no_toml_says_where() -> None:
    found = complaint("[[job\n")
    assert found.startswith("x.toml: ")
    assert "line 1" in found
    assert found.endswith("expected a TOML document")


def test_brackets_without_end_are_no_toml_either() -> None:
    assert complaint("a = " + "[" * 100_000).startswith("x.toml: ")


def test_a_name_is_used_once_in_a_file() -> None:
    twice = GOOD + GOOD.partition("\n")[2]
    assert complaint(twice) == "x.toml: job name: 'scan': expected a name used once"


def test_an_unlock_may_use_what_its_strategy_knows() -> None:
    text = GOOD.replace('"{DEVNAME}"]', '"{key}", "{mapping}", "{options}"]')
    assert job(text + 'strategy = "unlock"\n').run[1:] == ("{key}", "{mapping}", "{options}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "No such file or directory"), (b"\xff", "expected UTF-8 text")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_job_file(path)
    assert str(path) in str(error.value)
    assert expected in str(error.value)


VALUES = st.recursive(
    st.sampled_from(["true", "nan", "-inf", "1e400", "0", "-7", "'x'", "'{X}'", "''", "07:32:00"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda each: f"[{', '.join(each)}]"),
        inner.map(lambda each: f"{{ exit = {each} }}"),
    ),
    max_leaves=3,
)
KEYS = st.sampled_from(
    [
        "name", "does", "match", "run", "strategy", "success", "needs", "once", "layer",
        "identity", "publishes", "timeout", "tries", "retry_after", "other",
    ]
)  # fmt: skip


@given(st.dictionaries(KEYS, VALUES))
def test_whatever_a_file_says_it_validates_or_is_one_input_error(changes: dict[str, str]) -> None:
    lines = {"name": "'scan'", "does": "'look'", "match": "{ A = 'b' }", "run": "['true']"}
    lines |= {"success": "{ exit = true }", **changes}
    text = "summary = 's'\n[[job]]\n" + "".join(f"{key} = {lines[key]}\n" for key in lines)
    try:
        parse_job_file("x.toml", text)
    except InputError as error:
        assert str(error).startswith("x.toml: ")


def test_a_job_may_match_in_several_ways() -> None:
    text = 'match = [{ ID_FS_TYPE = "a" }, { INITPY_CRYPT = "*" }]'
    job = parse_job_file(
        "f.toml",
        f"""summary = "s"
[[job]]
name = "n"
does = "d"
run = ["true"]
success = {{ exit = true }}
{text}
""",
    ).jobs[0]
    assert job.match.accepts({"ID_FS_TYPE": "a"})
    assert job.match.accepts({"INITPY_CRYPT": "named"})
    assert not job.match.accepts({"ID_FS_TYPE": "b"})
    assert job.match.index_keys() == (("ID_FS_TYPE", "a"), ("INITPY_CRYPT", None))


def test_a_job_may_write_attributes_of_its_device_instead() -> None:
    """R9: how an array is started read-only."""
    written = 'write = { "md/array_state" = "readonly" }\n'
    found = job(GOOD.replace('run = ["true", "{DEVNAME}"]\n', written))
    assert (found.run, found.write) == ((), (("md/array_state", "readonly"),))
    assert "'write'" in complaint(GOOD + written)  # one of the two
    outside = GOOD.replace('run = ["true", "{DEVNAME}"]\n', 'write = { "../vda/x" = "1" }\n')
    assert "an attribute below the device's folder" in complaint(outside)


def test_a_job_says_how_it_acts_on_what_is_only_looked_into() -> None:
    """R9: without a word on that it does not."""
    assert job(GOOD).looking is None
    assert job(GOOD + "looking = []\n").looking == ()
    assert "'{looking}' in 'run'" in complaint(GOOD + 'looking = ["--readonly"]\n')
    filled = GOOD.replace('"{DEVNAME}"]', '"{looking}", "{DEVNAME}"]')
    assert job(filled + 'looking = ["--readonly"]\n').looking == ("--readonly",)
    assert "placeholder" in complaint(filled)


POOL = """\
summary = "a pool"

[[job]]
name = "part"
does = "take {DEVNAME}"
match = { ID_FS_TYPE = "x" }
strategy = "gather"
success = { holder = { INITPY_SET = "x-pool" } }

[job.gathers]
as = "x-pool"
by = "{ID_FS_UUID}"
called = "{ID_FS_LABEL}"
shutdown = { called = "{name}", exists = "/x/{name}/y", run = ["x", "{name}"] }

[[job]]
name = "list"
does = "list"
match = { INITPY_SET = "x-pool" }
run = ["xlist", "{parts}", "{with}"]
parts = ["-d", "{link}"]
with = { x_force = ["-f"] }
reads = ['^state: (?P<X_STATE>.*)$']
success = { exit = true }

[job.lists]
as = "x-volume"
line = '^(?P<DEVNAME>.+)$'

[[job.lists.root]]
forms = ["X=*"]
is = [{ DEVNAME = "{name}" }]
needs = [{ INITPY_SET = "x-pool" }]
"""


def test_a_file_of_a_pool_validates() -> None:
    part, listing = parse_job_file("x.toml", POOL).jobs
    assert part.gathers is not None and part.gathers.kind == "x-pool"
    assert listing.lists is not None and listing.lists.roots[0].forms == ("X=*",)


def test_a_form_that_is_a_path_needs_no_properties() -> None:
    paths = POOL.replace('"X=*"', '"/dev/x/*"').replace('is = [{ DEVNAME = "{name}" }]\n', "")
    listing = parse_job_file("x.toml", paths).jobs[1].lists
    assert listing is not None and listing.roots[0].shows == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('by = "{ID_FS_UUID}"', "", "x.toml: job part: gathers: by: nothing"),
        ('"x-pool"\nby', '"X pool"\nby', "gathers: as: 'X pool'"),
        ('strategy = "gather"\n', 'run = ["true"]\n', "job part: gathers"),
        ("(?P<X_STATE>.*)", "(?P<X_STATE>.*", "reads: '^state: (?P<X_STATE>.*$'"),
        ("(?P<DEVNAME>.+)", "(?P<NAME>.+)", "lists: line"),
        ('"/x/{name}/y"', '"/x{name}"', "gathers: shutdown: exists: '/x{name}'"),
        ('["x", "{name}"]', '["x"]', "gathers: shutdown: run: ['x']"),
        ('"X=*"', '"*"', "root 1: forms"),
        ('forms = ["X=*"]', 'instead = ["x"]', "root 1: instead: ['x']"),
        ('forms = ["X=*"]', 'instead = ["x*=a"]', "root 1: instead: ['x*=a']"),
        ('forms = ["X=*"]', 'instead = ["x=*/*"]', "root 1: instead: ['x=*/*']"),
        ('forms = ["X=*"]', 'instead = "x=*"', "root 1: instead: 'x=*'"),
        ("is = [{ DEVNAME", 'instead = ["x"]\nis = [{ DEVNAME', "root 1: instead: ['x']"),
        ('is = [{ DEVNAME = "{name}" }]\n', "", "root 1: is"),
        ('needs = [{ INITPY_SET = "x-pool" }]', "", "root 1: needs"),
        ('{ x_force = ["-f"] }', '{ x_force = "-f" }', "with: x_force"),
        ('"{parts}", ', '"{nothing}", ', "placeholder: '{nothing}'"),
    ],
)
def test_mistakes_about_sets_and_lists_are_named(old: str, new: str, said: str) -> None:
    assert old in POOL
    assert said in complaint(POOL.replace(old, new))

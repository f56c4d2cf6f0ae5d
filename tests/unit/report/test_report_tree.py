"""The tree and the failure screen: 76 columns, and what users copy stays in one piece (R23)."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from initpy.core.explanation import Advice, Node
from initpy.report.tree import WIDTH, failure_screen, render, render_json

UUID = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"


def test_a_node_tells_its_state_since_when_and_how_long_it_will_wait() -> None:
    node = Node("root LABEL=root", "waiting", since=10.0, left=32.4, reason="no such device")
    assert render(node, 52.0) == (
        "- root LABEL=root: waiting (for 42 s, 32 s left)\n    no such device"
    )


def test_what_is_below_stands_below() -> None:
    leaf = Node("/dev/sda", "ready", reason="ext4")
    node = Node("root", "waiting", children=(Node("md0", "not ready", children=(leaf,)), leaf))
    assert render(node, 0.0).splitlines() == [
        "- root: waiting",
        "  - md0: not ready",
        "    - /dev/sda: ready",
        "        ext4",
        "  - /dev/sda: ready",
        "      ext4",
    ]


def test_what_holds_a_clock_is_named() -> None:
    """R6: every wait has an owner."""
    node = Node("root", "waiting", left=9.0, held=("luks-open@sda (waits for a passphrase)",))
    assert render(node, 0.0).splitlines() == [
        "- root: waiting (9 s left)",
        "    held by luks-open@sda (waits for a passphrase)",
    ]
    shown = json.loads(render_json(node._replace(children=(Node("a", "ready"),)), 1.5))
    assert shown["now"] == 1.5
    assert shown["tree"]["held"] == ["luks-open@sda (waits for a passphrase)"]
    assert shown["tree"]["children"][0]["label"] == "a"


def test_a_clock_that_went_back_shows_no_negative_time() -> None:
    assert render(Node("a", "waiting", since=5.0), 4.0) == "- a: waiting (for 0 s)"


def test_a_uuid_at_the_end_of_a_line_stays_whole() -> None:
    """R23: copy-paste."""
    for padding in range(80):
        screen = render(Node("x" * padding + " " + f"UUID={UUID}", "waiting"), 0.0)
        assert f"UUID={UUID}" in screen


words = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=70)
texts = st.lists(words, min_size=1, max_size=30).map(" ".join)
nodes = st.recursive(
    st.builds(Node, label=texts, state=words, since=st.none() | st.floats(0, 1e6), reason=texts),
    lambda inner: st.builds(
        Node,
        label=texts,
        state=words,
        left=st.none() | st.floats(0, 1e6),
        reason=st.just("") | texts,
        children=st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=5,
)


@settings(max_examples=30)
@given(nodes, texts)
def test_lines_are_76_columns_wide_unless_a_single_word_is_wider(node: Node, reason: str) -> None:
    """R23: 76 columns."""
    for line in failure_screen(reason, node, 100.0).splitlines():
        assert len(line) <= WIDTH or len(line.removeprefix("initpy: ").split()) <= 2


@settings(max_examples=30)
@given(nodes)
def test_no_word_is_lost(node: Node) -> None:
    shown = render(node, 0.0).split()

    def check(node: Node) -> None:
        assert set(node.reason.split()) <= set(shown)
        assert set(node.label.split()[:-1]) <= set(shown)
        for child in node.children:
            check(child)

    check(node)


def test_the_failure_screen_says_why_and_what_to_type() -> None:
    long = "initpy unlock luks-3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001 --key-file FILE"
    advice = Advice(
        "At any time:", (("initpy status", "this tree, as it is now"), (long, "takes a key"))
    )
    screen = failure_screen("the root has not turned up", Node("root", "waiting"), 0.0, (advice,))
    lines = screen.splitlines()
    assert lines[1] == "initpy: the root has not turned up"
    assert "- root: waiting" in lines
    assert "  initpy status                   this tree, as it is now" in lines
    assert lines[lines.index(f"  {long}") + 1] == "      takes a key"
    assert lines[0] == lines[-1] == "=" * 76

"""Names of hosts are resolved in an image, too."""

import subprocess
import sys


def test_a_name_is_resolved_without_the_codec_idna() -> None:
    """The image has the codecs of the console only."""
    script = (
        "import sys; sys.modules['encodings.idna'] = None\n"
        "from initpy.runtime.net.kernel import resolve\n"
        "print(sorted(resolve('localhost'), reverse=True))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() in ("['127.0.0.1']", "['::1']", "['::1', '127.0.0.1']"), done.stderr

"""Record the journals in tests/simulation/journals again, each from a boot in QEMU (`make record`).

  python qemu/record.py [SCENARIO ...]

Without names, record all existing journals again. A boot that fails its expectations is not
recorded.
"""

import gzip
import json
import sys
from pathlib import Path

from initpy.lab.prepare import prepare
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario

TESTS = Path(__file__).parents[1] / "tests"
JOURNALS = TESTS / "simulation" / "journals"
SCENARIOS = TESTS / "scenarios"


def _say(line: str) -> None:
    print(line, flush=True)


def main(names: list[str]) -> int:
    """Boot and write the journals; return 1 if a boot was not recorded."""
    JOURNALS.mkdir(parents=True, exist_ok=True)
    chosen = names or [path.name.partition(".")[0] for path in sorted(JOURNALS.glob("*.gz"))]
    scenarios = [load_scenario(SCENARIOS / f"{name}.toml") for name in chosen]
    benches = prepare(scenarios, None, _say, MachineKind.QEMU)
    failed = 0
    for scenario in scenarios:
        verdict = run_scenario(scenario, benches.of(scenario), Manner())
        problems = verdict.reasons or (() if verdict.journal else ("it left no journal",))
        if problems:
            failed += 1
            print(f"{scenario.name}: not recorded: {'; '.join(problems)}", flush=True)
            continue
        text = "".join(f"{json.dumps(line)}\n" for line in verdict.journal)
        data = gzip.compress(text.encode(), mtime=0)
        (JOURNALS / f"{scenario.name}.jsonl.gz").write_bytes(data)
        print(f"{scenario.name}: {len(verdict.journal)} lines, {len(data)} bytes", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

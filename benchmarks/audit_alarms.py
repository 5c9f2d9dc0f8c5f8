"""How often the audit is right on drawn cells: one command, one table.

    python benchmarks/audit_alarms.py [--seeds 20] [--first 0]

Clean cells, and cells with copies under two subjects or a shortcut planted. An alarm is a leak or
a shortcut among the findings.
"""

from __future__ import annotations

import argparse
import time

from leukfeat import make_cells
from leukfeat.evaluation import audit

PLANTED = {
    "nothing": ({}, ("leak", "shortcut")),
    "copies (5 %)": ({"duplicates": 0.05}, ("leak",)),
    "colour": ({"shortcut": "colour"}, ("shortcut",)),
    "size": ({"shortcut": "size"}, ("shortcut",)),
    "background": ({"shortcut": "background"}, ("shortcut",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--planted", nargs="*", default=list(PLANTED), choices=list(PLANTED))
    parser.add_argument("--size", type=int, default=96, help="side of the crops, pixels")
    options = parser.parse_args()
    start = time.time()
    print("| planted | seeds with an alarm | of | kinds |\n|---|--:|--:|---|")
    for name in options.planted:
        planted, severities = PLANTED[name]
        alarms, kinds = 0, set()
        for seed in range(options.first, options.first + options.seeds):
            cells = make_cells(36, 400, size=options.size, random_state=seed, **planted)
            found = audit(cells).of(*severities)
            alarms += bool(found)
            kinds |= {f.kind for f in found}
        print(f"| {name} | {alarms} | {options.seeds} | {', '.join(sorted(kinds))} |", flush=True)
    print(f"\n400 cells of 36 subjects, {options.size} pixels; {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()

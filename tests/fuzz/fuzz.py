"""Fuzz one target with atheris: ``python tests/fuzz/fuzz.py reader|store|model SECONDS [CORPUS]``.

An input that crashes, hangs for 20 s, takes 3 GB or leaves the target as an exception is kept in
the working folder and ends the run. The last lines say how many edges were reached.
"""

import os
import sys
import tempfile
from pathlib import Path


def main(name, seconds, corpus=None):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import atheris

    sys.path.insert(0, str(Path(__file__).parent))
    with atheris.instrument_imports(include=["leukfeat", "zipfile", "skops"]):
        from targets import TARGETS

        target = TARGETS[name]()
        # Much is imported on use only: all of it must be in use before the block ends.
        for seed in target.seeds():
            target.one_input(seed)
    folder = Path(corpus or tempfile.mkdtemp(prefix=f"corpus-{name}-"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number:03d}").write_bytes(seed)
    limits = [f"-max_total_time={int(seconds)}", "-timeout=20", "-rss_limit_mb=3000"]
    atheris.Setup([sys.argv[0], str(folder), *limits, "-max_len=65536"], target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Import, cold and warm time of one call, and what was imported.

    python benchmarks/start_up.py [IMAGES] [--weights random|FILE]

Each line is a process of its own. Without a folder of images, 50 procedural ones are written.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import leukfeat as lf

HEAVY = ("tensorflow", "keras", "openvino", "cv2", "sklearn", "pandas", "h5py")

CALL = """
import sys, time
start = time.perf_counter()
import leukfeat as lf
imported = time.perf_counter() - start
{call}
took = time.perf_counter() - start - imported
loaded = [m for m in {heavy} if m in sys.modules]
print(f"| {name} | {{imported:.3f}} | {{took:.3f}} | {{', '.join(loaded) or 'none'}} |")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?")
    parser.add_argument("--weights", default="random")
    given = parser.parse_args()
    folder = given.images or procedural_images()
    cache = tempfile.mkdtemp()
    extract = (
        f"paths = lf.load_cells({folder!r}, layout='images').images[:50]\n"
        f"lf.extract_features(paths, cache={cache!r}, weights={given.weights!r}, progress=False)"
    )
    print("| call | import (s) | call (s) | heavy modules loaded |\n|---|---|---|---|")
    for name, call in (
        ("import leukfeat", ""),
        ("extract 50 images, cold", extract),
        ("extract 50 images, warm", extract),
    ):
        code = CALL.format(call=call, heavy=HEAVY, name=name)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        print(run.stdout.strip() or run.stderr[-500:], flush=True)


def procedural_images():
    import cv2

    folder = Path(tempfile.mkdtemp())
    for i, image in enumerate(lf.make_cells(8, 50, size=224, random_state=0).images):
        cv2.imwrite(str(folder / f"{i:03}.png"), image[:, :, ::-1])
    return str(folder)


if __name__ == "__main__":
    main()

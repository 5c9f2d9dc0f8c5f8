"""A process that extracts with the quick engine, to be killed or run beside others.

Arguments: folder of images, cache, milliseconds an image, then the first and last image to take;
"overwrite" after these computes them again, each row larger by one.
It writes a line a block that is safely written: the number of rows computed so far.
"""

import importlib.util
import resource
import signal
import sys
import time
from pathlib import Path

here = importlib.util.spec_from_file_location("quick", Path(__file__).with_name("conftest.py"))
quick = importlib.util.module_from_spec(here)
here.loader.exec_module(quick)


def main(folder, cache, delay, first, last, if_cached="resume"):
    # A test run started in the background hands down a SIGINT that is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import leukfeat as lf
    from leukfeat.features import extraction_run
    from leukfeat.features.store import writer

    class SlowEngine(quick.DigestEngine):
        def stream(self, inputs, batch_size):
            for row in super().stream(inputs, batch_size):
                time.sleep(float(delay) / 1000)
                yield row + (if_cached == "overwrite")

    engine = SlowEngine()
    extraction_run.load_engine = lambda spec, source: engine
    append = writer.StoreWriter.append

    def announced(self, keys, *rest):
        append(self, keys, *rest)
        sys.stdout.write(f"written {len(keys)}\n")
        sys.stdout.flush()

    writer.StoreWriter.append = announced
    paths = sorted(str(path) for path in Path(folder).iterdir())[int(first) : int(last)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    features = lf.extract_features(
        paths, cache=cache, weights="random", progress=False, if_cached=if_cached
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"done {len(features)} peak {peak} MB computed {engine.computed}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

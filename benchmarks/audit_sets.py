"""What `audit` says of published sets: one command a set.

    python benchmarks/audit_sets.py cnmc MANIFEST.csv.gz
    python benchmarks/audit_sets.py taleqani DATA
    python benchmarks/audit_sets.py pbc DATA

Of C-NMC 2019 a list of digests is enough (columns path, split, label, subject, fold, sha256). Of the others the
images are read; the cells-erased test is made with colours (with ResNet50 features: `staining.py`).
"""

import argparse
import time

import pandas as pd

import leukfeat as lf


def cnmc(path):
    table = pd.read_csv(path)
    table = table[table["split"] == "train"].drop(columns="image").rename(columns={"path": "image"})
    table["label"] = (table["label"] == "all").astype(int)
    columns = ["image", "label", "subject", "fold", "sha256"]
    return lf.CellDataset(
        table[columns], class_names=["hem", "all"], positive="all", name="C-NMC 2019, training"
    )


LOADERS = {"cnmc": cnmc, "taleqani": lf.load_taleqani, "pbc": lf.load_pbc}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=list(LOADERS))
    parser.add_argument("data")
    given = parser.parse_args()
    cells = LOADERS[given.set](given.data)
    start = time.time()
    found = lf.audit(cells)
    print(found.to_markdown())
    print(f"{len(cells)} cells; {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()

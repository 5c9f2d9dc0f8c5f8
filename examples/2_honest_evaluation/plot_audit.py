"""
Look at the cells before you believe a number
=============================================

Two things were planted in these cells: some images stand under two patients, and the background of one
class is a little brighter. The audit must find both. Then a head is asked what is left of it under
another light, stain, focus, scale and compression.
"""

# %%
import leukfeat as lf
from leukfeat.evaluation import shift_sweep

cells = lf.make_cells(
    n_subjects=24, n_cells=240, size=64, duplicates=0.03, shortcut="background", random_state=2
)
found = lf.audit(cells)
found

# %%
# Findings name images, and the whole list is kept: these cells are arrays, so they are called by their
# rows; files are called by their paths.

found.identical.head()

# %%
# Each clue alone, by patient: what is not the cell should tell nothing.

found.plot()

# %%
# What to do about copies
# -----------------------
# Either the patients that share images become one group, which no split tears apart, or the copies go.
# Which of two patients a copy belongs to is not known, so both rows go.

merged = found.merged(cells)
fewer = found.without_copies(cells)
print(len(set(cells.subjects)), "patients are", len(set(merged.groups)), "groups")
print(len(cells) - len(fewer), "of", len(cells), "cells go if copies are dropped")

# %%
# Stop a script here if anything would leak:

try:
    found.raise_if_leaky()
except lf.exceptions.LeakageError as error:
    print(str(error)[:200], "...")

# %%
# Under another light
# -------------------
# A head is fit on clean cells, and its test cells are changed as another laboratory might change them. The
# head stays the same; the fall is drawn.

clean = lf.make_cells(n_subjects=24, n_cells=240, size=64, random_state=4)


def extract(some):
    return lf.extract_features(
        some, weights="random", layers="conv2", input_size=64, progress=False
    )


test = sorted(set(clean.subjects))[::2]
head = lf.fit_head(
    extract(clean.select(subject=sorted(set(clean.subjects))[1::2])), "svm", tune=False
)
sweep = shift_sweep(
    head,
    clean.select(subject=test),
    extract,
    shifts={
        "brightness": (0.7, 1.0, 1.3),
        "stain": (0.7, 1.0, 1.3),
        "blur": (0, 2),
        "jpeg": (95, 40),
    },
)
sweep.plot()

# %%
# The lowest point of each:

sweep.worst.round(3)

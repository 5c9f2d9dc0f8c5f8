"""Model files and pages that are written over older ones until a kill, and how both are judged.

Run by `fork_server.py`, in processes forked from one that has imported everything.
"""

import contextlib
import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd

import leukfeat as lf
from leukfeat.classifier import CellClassifier, model_file
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.feature_set import CONTROL_COLUMNS
from leukfeat.reporting import page

NAMES = {"model": "svm.leukfeat", "page": "report.html"}


def made_features(seed):
    rng = np.random.default_rng(seed)
    subjects = np.repeat([f"s{seed}-{i}" for i in range(16)], 16)
    y = np.repeat(np.arange(16) % 2, 16)
    controls = rng.uniform(1, 200, (256, len(CONTROL_COLUMNS)))
    return FeatureSet(
        rng.normal(size=(256, 512)) + 0.1 * y[:, None],
        y,
        subjects=subjects,
        controls=pd.DataFrame(controls, columns=list(CONTROL_COLUMNS)),
        spec=FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
        class_names=("hem", "all"),
        positive="all",
    )


class WholeFiles:
    """An older and a newer model, and a page of each."""

    def __init__(self):
        self.test = made_features(2)
        self.models = []
        for seed in (0, 1):
            train = made_features(seed)
            head = lf.fit_head(train, "svm", tune=False)
            self.models.append(CellClassifier(head, train))
        self.results = [lf.evaluate(model.head, self.test) for model in self.models]
        self.scores = [self._scores(model) for model in self.models]
        self.pages = [lf.evaluation.evaluation_page(result).render() for result in self.results]

    def _scores(self, model):
        return model.predict(self.test)["p_all"].to_numpy()

    def write(self, kind, version, folder):
        """Write the older (0) or newer (1) file as a user would."""
        path = Path(folder, NAMES[kind])
        if kind == "model":
            lf.save_model(self.models[version], path)
        else:
            self.results[version].to_html(path)

    @contextlib.contextmanager
    def at_the_write(self, kind, then):
        """Call `then` when the temporary file is about to be made, not while it is computed."""
        module = model_file if kind == "model" else page
        original = module.written_whole

        def watched(path):
            then()
            return original(path)

        module.written_whole = watched
        try:
            yield
        finally:
            module.written_whole = original

    def seconds(self, kind, base):
        """Seconds of the whole call, and of the part of it that writes."""
        folder = Path(base, "timing")
        folder.mkdir()
        began = []
        try:
            started = time.perf_counter()
            with self.at_the_write(kind, lambda: began.append(time.perf_counter())):
                self.write(kind, 0, folder)
            ended = time.perf_counter()
            return ended - started, ended - began[0]
        finally:
            shutil.rmtree(folder)

    def which(self, kind, folder):
        """Say which version stands there: it must be all of one of them."""
        path = Path(folder, NAMES[kind])
        if kind == "page":
            found = path.read_text(encoding="utf-8")
            same = [found == text for text in self.pages]
        else:
            scores = self._scores(lf.load_model(path))
            same = [np.array_equal(scores, one) for one in self.scores]
        return same.index(True) if True in same else None

    def judge(self, kind, folder):
        """Check what the victim left, and what the next writer leaves."""
        complaints = []
        stands = self.which(kind, folder)
        if stands is None:
            complaints.append("neither the older file nor the newer")
        left = len(os.listdir(folder)) - 1
        self.write(kind, 1, folder)
        if self.which(kind, folder) != 1:
            complaints.append("not the newer file after writing again")
        if os.listdir(folder) != [NAMES[kind]]:
            complaints.append(f"left behind: {os.listdir(folder)}")
        return {"stands": stands, "left": left, "complaints": complaints}


def make(path):
    """Write both versions to a file, for a process that is to fork and must not compute."""
    with open(path, "wb") as file:
        pickle.dump(WholeFiles(), file)

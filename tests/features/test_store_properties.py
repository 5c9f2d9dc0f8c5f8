"""Whatever is done to a store, in whatever order, it holds what a dictionary would."""

import os
import tempfile

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import (
    merge_stores,
    prune_rows,
    repair_store,
    verify_store,
)

SPEC = FeatureSpec(weights_digest="test")
WIDTH = 6
NUMBERS = st.sets(st.integers(0, 150), min_size=1, max_size=80)


def row_of(number):
    draw = np.random.default_rng(number)
    key = draw.bytes(32)
    return key, draw.standard_normal(WIDTH).astype(np.float32), draw.random(18).astype(np.float32)


def append(path, numbers):
    keys, features, controls = zip(*(row_of(number) for number in numbers), strict=True)
    with StoreWriter(path, SPEC) as writer:
        writer.append(keys, np.stack(features), np.stack(controls), {})
        writer.append_files([(key[::-1], key) for key in keys])


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s.h5")
        self.held = {0}
        append(self.path, [0])

    @rule(numbers=NUMBERS)
    def add(self, numbers):
        new = sorted(numbers - self.held)
        if new:
            append(self.path, new)
            self.held |= numbers

    @rule(numbers=NUMBERS)
    def drop(self, numbers):
        with StoreWriter(self.path, SPEC) as writer:
            writer.drop({row_of(number)[0] for number in numbers})
        self.held -= numbers

    @rule(numbers=NUMBERS)
    def keep_only(self, numbers):
        prune_rows(self.path, keep={row_of(number)[0] for number in numbers})
        self.held &= numbers

    @rule(numbers=NUMBERS)
    def merge(self, numbers):
        other = os.path.join(self.folder.name, "other.h5")
        append(other, sorted(numbers))
        merge_stores([other], self.path)
        os.unlink(other)
        self.held |= numbers

    @rule()
    def repair(self):
        assert repair_store(self.path).rows_dropped == 0

    @rule(numbers=NUMBERS)
    def be_killed_after_a_block(self, numbers):
        new = sorted(numbers - self.held)
        pid = os.fork()
        if pid == 0:
            StoreWriter.close = lambda self: os._exit(9)
            try:
                if new:
                    append(self.path, new)
            finally:
                os._exit(9)
        os.waitpid(pid, 0)
        self.held |= set(new)

    @invariant()
    def it_holds_what_a_dictionary_would(self):
        if not hasattr(self, "path"):
            return
        with StoreReader(self.path) as store:
            assert len(store) == len(self.held)
            numbers = sorted(self.held)[::-1]
            if not numbers:
                return
            rows = [row_of(number) for number in numbers]
            wanted = np.frombuffer(b"".join(key for key, _, _ in rows), np.uint8).reshape(-1, 32)
            found = store.read(store.index.find(wanted))
            assert not found.damaged.any()
            assert np.array_equal(found.features, np.stack([row for _, row, _ in rows]))
            assert np.array_equal(found.controls, np.stack([c for _, _, c in rows]))
            known = store.files()
            assert all(known[key[::-1]] == key for key, _, _ in rows)
            asked = {key[::-1] for key, _, _ in rows[::3]}
            for files in (store.file_index(), store.file_index(asked)):
                assert all(files.get(digest) == digest[::-1] for digest in asked)
            assert len(store.file_index(asked)) == len(asked)

    @invariant()
    def its_digest_depends_on_content_alone(self):
        if not hasattr(self, "path") or not self.held:
            return
        fresh = os.path.join(self.folder.name, "fresh.h5")
        append(fresh, sorted(self.held))
        assert verify_store(fresh).content_digest == verify_store(self.path).content_digest
        os.unlink(fresh)

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()


StoreMachine.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestStore = StoreMachine.TestCase

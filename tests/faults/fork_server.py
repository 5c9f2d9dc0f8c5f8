"""A process that has imported everything, and forks victims on demand.

Each line of its input is a JSON request, each line of its output the answer to one.
"""

import json
import logging
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback


def start(act, *args):
    """Run a function in a forked process; return its number and where its answer will lie."""
    answer = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by ended_with
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            result = act(*args)
        except BaseException:  # noqa: BLE001 - it travels to the parent
            result, code = {"error": traceback.format_exc()}, 70
        json.dump(result, answer)
        answer.flush()
        os._exit(code)
    return pid, answer


def ended_with(child):
    """Wait status of a process and what its function returned; ``None`` while it runs."""
    pid, answer = child
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    answer.seek(0)
    text = answer.read()
    answer.close()
    return status, json.loads(text) if text else None


def in_child(act, *args):
    """Run a function in a forked process; return its wait status and what it returned."""
    child = start(act, *args)
    while (ended := ended_with(child)) is None:
        time.sleep(0.001)
    return ended


class Server:
    def __init__(self, folder, n_images):
        import victim_jobs

        self.jobs = victim_jobs
        victim_jobs.install_engine()
        self.folder = folder
        self.images_folder = os.path.join(folder, "images")
        victim_jobs.make_images(self.images_folder, n_images)
        self.images = victim_jobs.images_of(self.images_folder)
        os.environ["LEUKFEAT_CACHE_DIR"] = os.path.join(folder, "user-cache")
        self.truth = victim_jobs.lf.extract_features(self.images, **victim_jobs.SETTINGS)
        self.durations = {}
        self.whole_files = None

    def fresh(self):
        # In memory: what is tested is the end of a process, not of the machine.
        base = "/dev/shm" if os.path.isdir("/dev/shm") else self.folder
        place = tempfile.mkdtemp(dir=base)
        # Without the stat index every resumed image is read again and named by its pixels.
        os.environ["LEUKFEAT_CACHE_DIR"] = os.path.join(place, "user-cache")
        return place, os.path.join(place, "cache")

    def time_phase(self, name):
        """Seconds of each call of the phase, undisturbed."""
        if name not in self.durations:
            place, cache = self.fresh()

            def run():
                self.jobs.prepare(name, self.images, cache, self.truth)
                phase = self.jobs.phases()[name]
                phase.watch()
                started = self.jobs.time.perf_counter()
                self.jobs.work(name, self.images, cache, self.truth)
                whole = self.jobs.time.perf_counter() - started
                return [whole] if name == "anywhere" else phase.times

            status, times = in_child(run)
            shutil.rmtree(place)
            if status or not times:
                raise RuntimeError(f"{name}: {status} {times}")
            self.durations[name] = times
        return self.durations[name]

    def kill(self, name, seed):
        """One kill at a random moment of the phase; what was found afterwards."""
        draw = random.Random(seed)
        times = self.time_phase(name)
        call = draw.randrange(len(times))
        delay = draw.uniform(0, 1.1) * times[call]
        place, cache = self.fresh()

        def prepare():
            self.jobs.prepare(name, self.images, cache, self.truth)

        def victim():
            phase = self.jobs.phases()[name]
            phase.fatal_call, phase.delay = call, delay
            phase.watch()
            self.jobs.work(name, self.images, cache, self.truth)

        try:
            self.jobs.set_computed(0)
            status, answer = in_child(prepare)
            if status:
                raise RuntimeError(answer)
            status, answer = in_child(victim)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            if status and not killed:
                raise RuntimeError(answer)
            if not killed:
                # On a machine that was busier then, the phase was timed longer than it is now.
                self.durations.pop(name, None)
            status, found = in_child(self.jobs.judge, name, self.images, cache, self.truth)
            if status:
                found = {"held": 0, "redone": 0, "complaints": [str(found)]}
            return {"phase": name, "killed": killed, "call": call, "delay": delay, **found}
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def kill_writer(self, kind, seed):
        """One kill while a model or a page is written over an older one.

        Odd seeds kill anywhere in the call, even ones from the making of the file on.
        """
        if self.whole_files is None:
            import whole_files

            # Made in a child: threads that were started here would be missing after a fork.
            held = os.path.join(self.folder, "whole-files.pickle")
            status, answer = in_child(whole_files.make, held)
            if status:
                raise RuntimeError(answer)
            with open(held, "rb") as file:
                self.whole_files = pickle.load(file)
        files = self.whole_files
        draw = random.Random(seed)
        place, _ = self.fresh()
        folder = os.path.join(place, "results")
        os.mkdir(folder)
        try:
            if kind not in self.durations:
                status, self.durations[kind] = in_child(files.seconds, kind, place)
                if status:
                    raise RuntimeError(self.durations.pop(kind))
            whole, writing = self.durations[kind]
            delay = draw.uniform(0, 1.1) * (whole if seed % 2 else writing)

            def arm():
                self.jobs.kill_me_in(delay)

            def victim():
                if seed % 2:
                    arm()
                    files.write(kind, 1, folder)
                    return
                with files.at_the_write(kind, arm):
                    files.write(kind, 1, folder)

            status, answer = in_child(files.write, kind, 0, folder)
            if status:
                raise RuntimeError(answer)
            status, answer = in_child(victim)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            if status and not killed:
                raise RuntimeError(answer)
            status, found = in_child(files.judge, kind, folder)
            if status:
                found = {"stands": None, "left": 0, "complaints": [str(found)]}
            return {"phase": kind, "killed": killed, "delay": delay, **found}
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def kill_again_and_again(self, seed, kills):
        """Kill run after run on one store, each a little further on; then judge it."""
        draw = random.Random(seed)
        place, cache = self.fresh()
        answers = []

        def victim(delay):
            self.jobs.engine.seconds_a_row = 0.002
            self.jobs.kill_me_in(delay)
            self.jobs.extract(self.images, cache)

        try:
            self.jobs.set_computed(0)
            for _ in range(kills):
                delay = draw.uniform(0.05, 0.25)
                before = self.jobs.computed()
                status, answer = in_child(victim, delay)
                if status and not os.WIFSIGNALED(status):
                    raise RuntimeError(answer)
                made = self.jobs.computed() - before
                answers.append({"killed": bool(status), "computed": made, "complaints": []})
            # Every kill may have cost a block.
            allowed = len(self.images) + kills * self.jobs.MOST_REDONE
            if self.jobs.computed() > allowed:
                answers[-1]["complaints"].append(f"{self.jobs.computed()} computed in all")
            self.jobs.set_computed(0)
            status, found = in_child(self.jobs.judge, "anywhere", self.images, cache, self.truth)
            answers.append({"killed": False, **found})
            return answers
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def many(self, writers, readers, seed, kills=0, lock="flock"):
        """Writers over overlapping images beside readers; some are killed, and all replaced."""
        draw = random.Random(seed)
        place, cache = self.fresh()
        os.environ["LEUKFEAT_LOCK"] = lock
        n = len(self.images)
        answers = {"computed": 0, "reads": 0, "killed": 0, "images": n, "complaints": []}
        self.jobs.set_computed(0)

        def write(first, last):
            # One engine's worth of computing a row, so that the others are waiting meanwhile.
            self.jobs.engine.seconds_a_row = 0.0005
            found = self.jobs.extract(self.images[first:last], cache)
            if not (self.truth.X[first:last] == found.X).all():
                return "wrong rows for a writer"
            return None

        def read(until):
            reads = 0
            while time.time() < until:
                path = self.jobs.store_in(cache)
                if path is None:
                    time.sleep(0.002)
                    continue
                with self.jobs.StoreReader(path) as store:
                    complaint = self.jobs.wrong_rows(store, self.truth)
                if complaint:
                    return complaint
                reads += 1
            return reads

        try:
            spans = [sorted(draw.sample(range(n + 1), 2)) for _ in range(writers - 2)]
            spans += [(0, 2 * n // 3), (n // 3, n)]
            running = {start(write, *span): span for span in spans}
            watching = [start(read, time.time() + 1.5) for _ in range(readers)]
            deadline = time.time() + 120
            for _ in range(kills):
                time.sleep(draw.uniform(0.02, 0.15))
                pid, _ = draw.choice(list(running))
                os.kill(pid, signal.SIGKILL)
            while running:
                for child in list(running):
                    ended = ended_with(child)
                    if ended is None:
                        continue
                    span = running.pop(child)
                    status, answer = ended
                    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                        answers["killed"] += 1
                        running[start(write, *span)] = span
                    elif status or answer:
                        answers["complaints"].append(str(answer))
                if time.time() > deadline:
                    answers["complaints"].append("a deadlock")
                    for pid, _ in running:
                        os.kill(pid, signal.SIGKILL)
                    break
                time.sleep(0.005)
            for child in watching:
                while (ended := ended_with(child)) is None:
                    time.sleep(0.005)
                if isinstance(ended[1], int):
                    answers["reads"] += ended[1]
                else:
                    answers["complaints"].append(str(ended[1]))
            answers["computed"] = self.jobs.computed()
            with self.jobs.StoreReader(self.jobs.store_in(cache)) as store:
                answers["rows"] = len(store)
                complaint = self.jobs.wrong_rows(store, self.truth)
                if complaint:
                    answers["complaints"].append(complaint)
            left = [x for x in os.listdir(cache) if not x.endswith((".h5", ".lock"))]
            if left and not kills:
                answers["complaints"].append(f"left behind: {left}")
            return answers
        finally:
            os.environ.pop("LEUKFEAT_LOCK", None)
            shutil.rmtree(place, ignore_errors=True)

    def signalled(self, name, seed):
        """A run that is asked to end; what it keeps."""
        place, cache = self.fresh()
        try:
            self.jobs.set_computed(0)

            def victim():
                signal.signal(signal.SIGINT, signal.default_int_handler)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self.jobs.engine.seconds_a_row = 0.005
                self.jobs.extract(self.images, cache)

            child = start(victim)
            while self.jobs.computed() < 100:
                time.sleep(0.01)
            os.kill(child[0], getattr(signal, name))
            while (ended := ended_with(child)) is None:
                time.sleep(0.005)
            computed = self.jobs.computed()
            complaints = []
            if name == "SIGINT" and "KeyboardInterrupt" not in str(ended[1]):
                complaints.append(f"no KeyboardInterrupt: {ended}")
            with self.jobs.StoreReader(self.jobs.store_in(cache)) as store:
                held = len(store)
            self.jobs.set_computed(0)
            _, found = in_child(self.jobs.judge, "anywhere", self.images, cache, self.truth)
            complaints += [c for c in found["complaints"] if "computed again" not in c]
            return {"held": held, "lost": computed - held, "complaints": complaints}
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def watch_one_writer(self, seed):
        """Read again and again while one writes; every row that is there must be whole."""
        place, cache = self.fresh()
        try:

            def write():
                self.jobs.engine.seconds_a_row = 0.003
                self.jobs.extract(self.images, cache)

            child = start(write)
            sizes, complaints = set(), []
            while (ended := ended_with(child)) is None:
                path = self.jobs.store_in(cache)
                if path is not None:
                    with self.jobs.StoreReader(path) as store:
                        sizes.add(len(store))
                        complaint = self.jobs.wrong_rows(store, self.truth)
                    if complaint:
                        complaints.append(complaint)
                time.sleep(0.001)
            if ended[0]:
                complaints.append(str(ended[1]))
            return {"sizes_seen": len(sizes), "complaints": complaints}
        finally:
            shutil.rmtree(place, ignore_errors=True)


def main(folder, n_images):
    logging.getLogger("leukfeat").addHandler(logging.NullHandler())
    logging.getLogger("leukfeat").propagate = False
    server = Server(folder, int(n_images))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop("do"))(**request)
        except Exception:  # noqa: BLE001 - it travels to the test
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

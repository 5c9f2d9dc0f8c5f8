"""A process that has imported everything, and forks victims on demand.

Each line of its input is a JSON request, each line of its output the answer to one.
"""

import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback


def in_child(act, *args):
    """Run a function in a forked process; return its wait status and what it returned."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        code = 0
        try:
            answer = act(*args)
        except BaseException:  # noqa: BLE001 - it travels to the parent
            answer, code = {"error": traceback.format_exc()}, 70
        with os.fdopen(write, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(text) if text else None


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
            status, found = in_child(self.jobs.judge, name, self.images, cache, self.truth)
            if status:
                found = {"held": 0, "redone": 0, "complaints": [str(found)]}
            return {"phase": name, "killed": killed, "call": call, "delay": delay, **found}
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

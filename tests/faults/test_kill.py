"""SIGKILL at random moments of every phase: nothing unreadable, no wrong row, little done again."""

import collections
import sys

import pytest

PHASES = [
    "file creation",
    "put in place",
    "open",
    "rows",
    "keys",
    "file index",
    "flush and close",
    "stat index",
    "anywhere",
    "recovery copy",
    "recovery replace",
    "prune copy",
    "merge copy",
    "repair copy",
]


KILLS = 20
"""Of each phase in the long run, at least."""


def kill_often(victims, phase, seeds):
    found = []
    for seed in seeds:
        answer = victims("kill", name=phase, seed=seed)
        assert not answer["complaints"], answer
        found.append(answer)
    return found


def count_kills(found):
    return sum(answer["killed"] for answer in found)


@pytest.mark.parametrize("phase", PHASES)
def test_a_kill_loses_nothing(victims, phase):
    # The moment is drawn up to a tenth past the phase's usual end, so nearly all are hit.
    assert count_kills(kill_often(victims, phase, range(2))) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
def test_many_kills_lose_nothing(victims, phase):
    found = kill_often(victims, phase, range(100, 125))
    for first in range(125, 200, 5):
        if count_kills(found) >= KILLS:
            break
        found += kill_often(victims, phase, range(first, first + 5))
    kills = count_kills(found)
    assert kills >= KILLS, f"{phase}: {kills} kills of {len(found)}"
    redone = max(answer["redone"] for answer in found)
    sys.stdout.write(f"{phase}: {kills} kills, at most {redone} images again\n")  # shown with -s


def kill_writers(victims, kind, seeds):
    found = [victims("kill_writer", kind=kind, seed=seed) for seed in seeds]
    for answer in found:
        assert not answer["complaints"], answer
    assert sum(answer["killed"] for answer in found) >= len(found) // 2, found
    return found


@pytest.mark.parametrize("kind", ["model", "page"])
def test_a_kill_leaves_the_older_file_or_the_newer(victims, kind):
    kill_writers(victims, kind, range(2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "page"])
def test_many_kills_leave_the_older_file_or_the_newer(victims, kind):
    found = kill_writers(victims, kind, range(100, 150))
    kills = [answer for answer in found if answer["killed"]]
    assert len(kills) >= KILLS
    newer = sum(answer["stands"] for answer in kills)
    left = sum(answer["left"] for answer in kills)
    sys.stdout.write(
        f"{kind} file: {len(kills)} kills, {len(kills) - newer} times the older file stood, "
        f"{newer} times the newer, {left} temporary files, all deleted by the next writer\n"
    )


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_store_survives_one_kill_after_another(victims, seed):
    answers = victims("kill_again_and_again", seed=seed, kills=6)
    assert collections.Counter(answer["killed"] for answer in answers)[True] >= 3
    for answer in answers:
        assert not answer["complaints"], answer

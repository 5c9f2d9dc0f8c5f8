"""Free memory is that of the machine, or less where a container or a job of a cluster is limited."""

import pytest

from leukfeat.heads.free_memory import free_memory

GB = 1 << 30


@pytest.fixture
def system(tmp_path):
    """Write the files of a system with 16 GB to spare; return its two folders."""

    def write(own, **files):
        proc, groups = tmp_path / "proc", tmp_path / "groups"
        (proc / "self").mkdir(parents=True)
        (proc / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {16 * GB // 1024} kB\n")
        (proc / "self" / "cgroup").write_text(own)
        for place, (limit, used, cached) in files.items():
            folder = groups.joinpath(*place.split("__"))
            folder.mkdir(parents=True, exist_ok=True)
            old = place.startswith("memory")
            names = ("limit_in_bytes", "usage_in_bytes") if old else ("max", "current")
            for name, value in zip(names, (limit, used), strict=True):
                (folder / f"memory.{name}").write_text(f"{value}\n")
            entry = "total_inactive_file" if old else "inactive_file"
            (folder / "memory.stat").write_text(f"anon 5\n{entry} {cached}\n")
        return str(proc), str(groups)

    return write


def test_here_it_is_less_than_a_machine_has():
    free = free_memory()
    assert free is None or 1e6 < free < 1e14


def test_without_groups_it_is_what_linux_estimates(system):
    assert free_memory(*system("0::/\n")) == 16 * GB


def test_a_job_has_what_its_limit_leaves_and_its_cache_gives_back(system):
    own = "0::/slurm/job7\n"
    assert free_memory(*system(own, slurm__job7=(4 * GB, 3 * GB, GB // 2))) == GB + GB // 2


def test_a_limit_above_counts_too(system):
    groups = {"slurm": (2 * GB, GB, 0), "slurm__job7": ("max", GB, 0)}
    assert free_memory(*system("0::/slurm/job7\n", **groups)) == GB


def test_the_older_groups_of_a_container_stand_at_the_top(system):
    own = "9:name=systemd:/\n4:cpu,memory:/docker/0123\n0::/\n"
    assert free_memory(*system(own, memory=(3 * GB, 2 * GB, 0))) == GB


@pytest.mark.parametrize("limit", ["max", 9223372036854771712])
def test_a_group_without_limit_is_the_machine(system, limit):
    own = "0::/\n" if limit == "max" else "4:memory:/\n"
    name = "memory" if limit != "max" else "."
    assert free_memory(*system(own, **{name: (limit, GB, 0)})) == 16 * GB


def test_a_system_that_does_not_say(tmp_path):
    assert free_memory(str(tmp_path), str(tmp_path)) is None

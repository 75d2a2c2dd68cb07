"""What a server costs, read from /proc: CPU time and memory of a process and all its descendants."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    found, at = [root], 0
    while at < len(found):
        for task in _entries(f"/proc/{found[at]}/task"):
            try:
                children = Path(f"/proc/{found[at]}/task/{task}/children").read_text().split()
            except OSError:
                continue
            found += [int(child) for child in children]
        at += 1
    return found


def cpu_s(root: int) -> dict[int, float]:
    """CPU seconds by process: user and system, of all threads."""
    used = {}
    for process in tree(root):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used[process] = _precise_s(process) or (int(fields[11]) + int(fields[12])) / _TICKS
    return used


def core_busy_s(core: int) -> float:
    """Seconds that a core was not idle since the machine started; what the hypervisor took is among them."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            return (user + nice + system + irq + softirq + steal) / _TICKS
    raise RuntimeError(f"the kernel tells nothing of core {core}")


def _precise_s(process: int) -> float:
    """The scheduler's own account in nanoseconds, where the kernel keeps one."""
    total = 0
    for task in _entries(f"/proc/{process}/task"):
        try:
            total += int(Path(f"/proc/{process}/task/{task}/schedstat").read_text().split()[0])
        except (OSError, IndexError):
            return 0.0
    return total / 1e9


def pss_kib(root: int) -> int:
    """Proportional set size of the tree, in KiB."""
    total = 0
    for process in tree(root):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def pin(root: int, core: int) -> None:
    """Keep a tree on one core."""
    for process in tree(root):
        for task in _entries(f"/proc/{process}/task"):
            os.sched_setaffinity(int(task), {core})


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []

# SPDX-License-Identifier: Apache-2.0
"""Static timing from the SDF file of nextpnr: its own report has one path of each clock, this finds the worst path to
every register and tells the ten worst that differ in more than a bit."""
import re
from collections import namedtuple

Path = namedtuple("Path", "ps start end cells")  # start, end: (cell, pin); cells: all on the way, first to last

TRIPLE = r"\((?:-?[\d.]+):(?:-?[\d.]+):(-?[\d.]+)\)"
NAME = r"((?:\\.|[^\s\\])+)"
INSTANCE = re.compile(rf"\(INSTANCE {NAME}\)")
WIRE = re.compile(rf"\(INTERCONNECT {NAME}/(\w+) {NAME}/(\w+) {TRIPLE} {TRIPLE}\)")
THROUGH = re.compile(rf"\(IOPATH (\w+) (\w+) {TRIPLE} {TRIPLE}\)")
CHECK = re.compile(rf"\(SETUPHOLD \(\w+ (\w+)\) \(\w+ (\w+)\) {TRIPLE}")
ESCAPE = re.compile(r"\\(.)")


class TimingError(Exception):
    """An SDF file that no path can be read from."""


def plain(name):
    return ESCAPE.sub(r"\1", name)


def read(lines):
    """(wires {from: [(to, ps)]}, arcs {cell: [(from pin, to pin, ps)]}, checks {cell: {pin: (clock pin, setup ps)}});
    the largest of each delay's values."""
    wires, arcs, checks, cell = {}, {}, {}, None
    for line in lines:
        if "INTERCONNECT" in line:
            found = WIRE.search(line)
            if not found:
                raise TimingError(f"not understood: {line.strip()}")
            source, out, sink, pin, rise, fall = found.groups()
            wires.setdefault((plain(source), out), []).append(((plain(sink), pin), max(float(rise), float(fall))))
        elif "(INSTANCE" in line:
            found = INSTANCE.search(line)
            cell = plain(found[1]) if found else None
        elif "IOPATH" in line:
            found = THROUGH.search(line)
            if not found or cell is None:
                raise TimingError(f"not understood: {line.strip()}")
            arcs.setdefault(cell, []).append((found[1], found[2], max(float(found[3]), float(found[4]))))
        elif "SETUPHOLD" in line:
            found = CHECK.search(line)
            if not found or cell is None:
                raise TimingError(f"not understood: {line.strip()}")
            pin, clock, setup = found[1], found[2], float(found[3])
            old = checks.setdefault(cell, {}).get(pin, (clock, setup))
            checks[cell][pin] = (clock, max(setup, old[1]))
    if not checks:
        raise TimingError("no register with a setup time in it")
    return wires, arcs, checks


def arrivals(wires, arcs, checks):
    """{(cell, pin): (latest arrival in ps, pin before it or None)} from the clock edge on."""
    clocks = {(cell, clock) for cell, pins in checks.items() for clock, _ in pins.values()}
    onward, launched = dict(wires), []
    for cell, list_of_arcs in arcs.items():
        for source, sink, delay in list_of_arcs:
            if (cell, source) in clocks:
                launched.append(((cell, sink), delay))
            else:
                onward.setdefault((cell, source), []).append(((cell, sink), delay))
    arrival = {}
    for pin, delay in launched:
        arrival[pin] = (max(delay, arrival.get(pin, (0.0, None))[0]), None)
    # How many pins before each one are to come still, among those that a register reaches.
    waiting, seen, stack = {}, set(arrival), list(arrival)
    while stack:
        for sink, _ in onward.get(stack.pop(), ()):
            waiting[sink] = waiting.get(sink, 0) + 1
            if sink not in seen:
                seen.add(sink)
                stack.append(sink)
    ready = [pin for pin in arrival if not waiting.get(pin)]
    done = 0
    while ready:
        pin = ready.pop()
        done += 1
        for sink, delay in onward.get(pin, ()):
            late = arrival[pin][0] + delay
            if sink not in arrival or late > arrival[sink][0]:
                arrival[sink] = (late, pin)
            waiting[sink] -= 1
            if not waiting[sink]:
                ready.append(sink)
    if done < len(seen):
        raise TimingError(f"{len(seen) - done} pins stand in a combinational loop")
    return arrival


def worst_paths(lines, family, count=10):
    """The count worst paths, worst first; of paths that agree in family() of both ends only the worst."""
    wires, arcs, checks = read(lines)
    arrival = arrivals(wires, arcs, checks)
    ends = sorted(((arrival[cell, pin][0] + setup, cell, pin) for cell, pins in checks.items()
                   for pin, (_, setup) in pins.items() if (cell, pin) in arrival), reverse=True)
    found, families = [], set()
    for total, cell, pin in ends:
        steps = [(cell, pin)]
        while arrival[steps[-1]][1]:
            steps.append(arrival[steps[-1]][1])
        both = (family(steps[-1][0]), family(cell))
        if both in families:
            continue
        families.add(both)
        cells = []
        for step, _ in reversed(steps):
            if not cells or cells[-1] != step:
                cells.append(step)
        found.append(Path(total, steps[-1], (cell, pin), cells))
        if len(found) == count:
            break
    return found

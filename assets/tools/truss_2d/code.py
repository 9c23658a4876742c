"""Plane truss by the stiffness method, solved by preconditioned conjugate gradients."""

import json
import math
import os
import time
from pathlib import Path

# out/ stands beside scratch/, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"
TOLERANCE = 1e-10  # residual over load at which the solver stops


def number(name, value, low, high, unit="", kind=(int, float)):
    """A parameter within its bounds."""
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        whole = "whole " * (kind is int)
        raise ValueError(f"{name} is {value!r}: it must be a {whole}number from {low:g} to {high:g} {unit}".rstrip())
    return value


def rows(name, value, size):
    """A list of rows of a given length, or None."""
    if value is None or isinstance(value, list) and value and all(
            isinstance(row, list) and len(row) == size for row in value):
        return value
    raise ValueError(f"{name} is {str(value)[:60]!r}: it must be a list of rows of {size}, or null")


def girder(bays, tiers, bay, height, load):
    """Nodes, bars, supports, loads; the diagonals fall towards the middle."""
    def node(i, j):
        return i * (tiers + 1) + j

    nodes = [[i * bay, j * height / tiers] for i in range(bays + 1) for j in range(tiers + 1)]
    bars = [[node(i, j), node(i + 1, j)] for i in range(bays) for j in range(tiers + 1)]
    bars += [[node(i, j), node(i, j + 1)] for i in range(bays + 1) for j in range(tiers)]
    bars += [[node(i, j + 1), node(i + 1, j)] if 2 * i + 1 < bays else [node(i, j), node(i + 1, j + 1)]
             for i in range(bays) for j in range(tiers)]
    return nodes, bars, [[0, "xy"], [node(bays, 0), "y"]], [[node(i, 0), 0, -load] for i in range(1, bays)]


def multiply(bars, u):
    """Stiffness times displacement; the matrix is never stored."""
    f = [0.0] * len(u)
    for i, j, c, s, k, _ in bars:
        n = k * (c * (u[j] - u[i]) + s * (u[j + 1] - u[i + 1]))
        f[i] -= n * c
        f[i + 1] -= n * s
        f[j] += n * c
        f[j + 1] += n * s
    return f


def solve(bars, load, free):
    """(displacements, iterations) of K u = load on the free directions."""
    diagonal = [0.0] * len(load)
    for i, j, c, s, k, _ in bars:
        for at, part in ((i, c * c), (i + 1, s * s), (j, c * c), (j + 1, s * s)):
            diagonal[at] += k * part
    stiffest = max(diagonal)

    def dot(a, b):
        return sum(a[at] * b[at] for at in free)

    u, r, p = [0.0] * len(load), list(load), [0.0] * len(load)
    target, rho, told, step, iteration = math.sqrt(dot(load, load)), 1.0, 0.0, 0, 0
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / "progress.jsonl").open("a", encoding="utf-8") as log:
        while True:
            residual = math.sqrt(dot(r, r)) / target
            done = residual <= TOLERANCE
            if done or time.monotonic() - told > 0.1:
                told = time.monotonic()
                step = 100 if done else max(step, math.floor(100 * math.log(residual, TOLERANCE)))
                line = {"step": step, "total": 100, "message": f"iteration {iteration}", "residual": residual}
                print(json.dumps(line), file=log, flush=True)
            if done:
                return u, iteration
            z = {at: r[at] / (diagonal[at] or stiffest) for at in free}
            last, rho = rho, dot(r, z)
            for at in free:
                p[at] = z[at] + (rho / last * p[at] if iteration else 0.0)
            kp = multiply(bars, p)
            curvature = dot(p, kp)
            if curvature <= 1e-14 * stiffest * dot(p, p) or iteration > 100 * len(free):
                raise ValueError(f"bars, supports: a mechanism; residual {residual:.1e} after {iteration} iterations")
            for at in free:
                u[at] += rho / curvature * p[at]
                r[at] -= rho / curvature * kp[at]
            iteration += 1


def plot(path, nodes, bars, u, forces):
    """Draws the deformed truss over the undeformed one."""
    left, low = min(x for x, _ in nodes), min(y for _, y in nodes)
    zoom = 800 / max(max(x for x, _ in nodes) - left, max(y for _, y in nodes) - low)
    top = zoom * (max(y for _, y in nodes) - low) + 90
    scale = 50 / zoom / max(map(abs, u))

    def line(bar, factor, colour, width):
        ends = "".join(f'{to}{60 + zoom * (nodes[at // 2][0] + factor * u[at] - left):.1f} '
                       f'{top - zoom * (nodes[at // 2][1] + factor * u[at + 1] - low):.1f}'
                       for to, at in (("M", bar[0]), ("L", bar[1])))
        return f'<path d="{ends}" stroke="{colour}" stroke-width="{width:.2f}"/>'

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 {top + 90:.0f}" font-family="sans-serif">'
           '<rect width="100%" height="100%" fill="white"/>'
           f'<text x="60" y="24">Displacements x {scale:.3g}, blue tension, red compression</text>']
    svg += [line(bar, 0, "#cccccc", 1) for bar in bars]
    most = max(map(abs, forces))
    svg += [line(bar, scale, "#1f77b4" if n > 0 else "#d62728", 1 + 4 * abs(n) / most) for bar, n in zip(bars, forces)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg + ["</svg>"]), encoding="utf-8")


def calculate(
    bays: int = 100,
    tiers: int = 12,
    bay_length_m: float = 0.5,
    height_m: float = 6.0,
    node_load_kN: float = 10.0,
    area_cm2: float = 30.0,
    e_modulus_GPa: float = 210.0,
    yield_strength_MPa: float = 235.0,
    nodes_m: list | None = None,
    bars: list | None = None,
    supports: list | None = None,
    loads_kN: list | None = None,
) -> dict:
    """Forces and displacements of a plane truss (sources: the tool's description).

    Parameters:
        bays: panels of the girder [-], 2 to 500
        tiers: rows of panels; 1 is a Pratt truss [-], 1 to 50
        bay_length_m: length of a panel [m], 0.01 to 1000
        height_m: height of the girder [m], 0.01 to 1000
        node_load_kN: downward load on each inner lower node [kN], -1e6 to 1e6
        area_cm2: area of each bar [cm2], 1e-4 to 1e5
        e_modulus_GPa: Young's modulus [GPa], 0.001 to 2000
        yield_strength_MPa: yield strength [MPa], 1 to 5000
        nodes_m: own truss, with the next three: [x, y] of each node [m]
        bars: [node, node] of each bar, nodes counted from 0
        supports: [node, "x", "y" or "xy"]
        loads_kN: [node, right, up] [kN]
    """
    own = [rows("nodes_m", nodes_m, 2), rows("bars", bars, 2), rows("supports", supports, 2),
           rows("loads_kN", loads_kN, 3)]
    made = (number("bays", bays, 2, 500, "", int), number("tiers", tiers, 1, 50, "", int),
            number("bay_length_m", bay_length_m, 0.01, 1e3, "m"), number("height_m", height_m, 0.01, 1e3, "m"),
            number("node_load_kN", node_load_kN, -1e6, 1e6, "kN"))
    area = number("area_cm2", area_cm2, 1e-4, 1e5, "cm2") * 1e-4
    e = number("e_modulus_GPa", e_modulus_GPa, 1e-3, 2e3, "GPa") * 1e9
    strength = number("yield_strength_MPa", yield_strength_MPa, 1, 5e3, "MPa") * 1e6
    if None in own and own != [None] * 4:
        raise ValueError("nodes_m, bars, supports, loads_kN: give all four or none")
    nodes, pairs, held, pushed = girder(*made) if None in own else own
    last = len(nodes) - 1

    elements, fixed, force = [], set(), [0.0] * (2 * last + 2)
    for pair in pairs:
        i, j = (number("bars", at, 0, last, "", int) for at in pair)
        dx, dy = (number("nodes_m", b, -1e6, 1e6, "m") - number("nodes_m", a, -1e6, 1e6, "m")
                  for a, b in zip(nodes[i], nodes[j]))
        length = math.hypot(dx, dy)
        if length == 0:
            raise ValueError(f"bars: nodes {i} and {j} are at one place")
        elements.append((2 * i, 2 * j, dx / length, dy / length, e * area / length, length))
    for node, ways in held:
        if ways not in ("x", "y", "xy"):
            raise ValueError(f"supports: {ways!r} must be x, y or xy")
        fixed |= {2 * number("supports", node, 0, last, "", int) + (way == "y") for way in ways}
    for node, *components in pushed:
        for at, component in enumerate(components, 2 * number("loads_kN", node, 0, last, "", int)):
            force[at] += number("loads_kN", component, -1e6, 1e6, "kN") * 1e3
    free = [at for at in range(len(force)) if at not in fixed]
    if not any(force[at] for at in free):
        raise ValueError("node_load_kN or loads_kN: no load acts on a free node")

    u, iterations = solve(elements, force, free)
    balance = [a - b for a, b in zip(multiply(elements, u), force)]
    forces = [k * (c * (u[j] - u[i]) + s * (u[j + 1] - u[i + 1])) for i, j, c, s, k, _ in elements]
    moved = [(1e3 * u[at], 1e3 * u[at + 1]) for at in range(0, len(u), 2)]
    most = max(map(abs, forces)) / area

    plot(OUT / "artifacts/truss.svg", nodes, elements, u, forces)
    lines = [f"{at},{bar[0] // 2},{bar[1] // 2},{bar[5]:.9g},{n / 1e3:.9g},{n / area / 1e6:.9g}\n"
             for at, (bar, n) in enumerate(zip(elements, forces))]
    (OUT / "artifacts/bars.csv").write_text("bar,node,node,length_m,force_kN,stress_MPa\n" + "".join(lines))
    result = {
        "max_tension_kN": max(*forces, 0.0) / 1e3,
        "max_compression_kN": min(*forces, 0.0) / 1e3,
        "max_displacement_mm": max(math.hypot(*node) for node in moved),
        "max_stress_MPa": most / 1e6,
        "utilisation_yield": most / strength,
        "reactions_kN": [[at // 2, "xy"[at % 2], balance[at] / 1e3] for at in sorted(fixed)],
        "iterations": iterations,
        "true_residual": math.hypot(*(balance[at] for at in free)) / math.hypot(*force),
        "files": ["artifacts/truss.svg", "artifacts/bars.csv"],
    }
    if len(elements) <= 100:
        result["bar_forces_kN"] = [n / 1e3 for n in forces]
        result["displacements_mm"] = moved
    return result

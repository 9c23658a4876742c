"""Natural frequencies and modes of a chain of masses and springs."""

import math
import os
from pathlib import Path

try:
    import numpy
except ImportError:  # the solver below does without
    numpy = None

# The output folder stands beside the scratch folder, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"


def number(name, value, low, high, unit="", kind=(int, float)):
    """Returns value; refuses what is not a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        whole = "whole " * (kind is int)
        raise ValueError(f"{name} is {value!r}: it must be a {whole}number from {low:g} to {high:g} {unit}".rstrip())
    return value


def numbers(name, value, count, low, high, unit):
    """Returns a list of numbers as floats; count is None where any length will do."""
    if not isinstance(value, list) or not 1 <= len(value) <= 200 or len(value) != (count or len(value)):
        wanted = "1 to 200 numbers" if count is None else f"{count} numbers, one for each spring"
        raise ValueError(f"{name} is {str(value)[:60]!r}: it must be a list of {wanted}, or null")
    return [float(number(name, entry, low, high, unit)) for entry in value]


def below(diagonal, beside, shift):
    """How many eigenvalues of a symmetric tridiagonal matrix lie below a shift (Sturm sequence)."""
    count, pivot = 0, 1.0
    for at, value in enumerate(diagonal):
        pivot = value - shift - (beside[at - 1]**2 / pivot if at else 0.0)
        if pivot == 0:
            pivot = -1e-300
        count += pivot < 0
    return count


def eigenvalues(diagonal, beside):
    """All eigenvalues of a symmetric tridiagonal matrix, in order, each by bisection down to rounding."""
    reach = [abs(b) for b in beside]
    radius = max(abs(d) + sum(reach[max(at - 1, 0):at + 1]) for at, d in enumerate(diagonal))
    found = []
    for index in range(len(diagonal)):
        low, high = (found[-1] if found else -1e-9 * radius), radius * (1 + 1e-9)
        while True:
            middle = (low + high) / 2
            if not low < middle < high or high - low <= 1e-15 * radius:
                break
            if below(diagonal, beside, middle) > index:
                high = middle
            else:
                low = middle
        found.append((low + high) / 2)
    return found


def solve(diagonal, beside, right):
    """Solves a symmetric tridiagonal system by elimination with row exchanges."""
    n = len(diagonal)
    smallest = 1e-16 * max(map(abs, diagonal)) or 1.0
    upper = []  # rows of the triangle: pivot, next, next but one, right-hand side
    row = [diagonal[0], beside[0] if n > 1 else 0.0, 0.0, right[0]]
    for i in range(1, n):
        after = [beside[i - 1], diagonal[i], beside[i] if i < n - 1 else 0.0, right[i]]
        if abs(after[0]) > abs(row[0]):
            row, after = after, row
        factor = after[0] / row[0] if row[0] else 0.0
        upper.append(row)
        row = [after[1] - factor * row[1], after[2] - factor * row[2], 0.0, after[3] - factor * row[3]]
    upper.append(row)
    x = [0.0] * (n + 2)
    for i in reversed(range(n)):
        pivot, first, second, known = upper[i]
        x[i] = (known - first * x[i + 1] - second * x[i + 2]) / (pivot or smallest)
    return x[:n]


def vector(diagonal, beside, value):
    """The eigenvector of an eigenvalue, by inverse iteration."""
    x = [1.0 + 0.1 * math.sin(7 * i) for i in range(len(diagonal))]
    shifted = [d - value for d in diagonal]
    for _ in range(3):
        x = solve(shifted, beside, x)
        size = max(map(abs, x))
        x = [entry / size for entry in x]
    return x


def plot(path, modes, frequencies):
    """Draws the displacement of each mass in each mode."""
    width, height, left = 560, 90, 60
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 150} {60 + len(modes) * (height + 20)}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">Mode shapes, largest displacement 1</text>']
    for row, (mode, frequency) in enumerate(zip(modes, frequencies)):
        middle = 60 + row * (height + 20) + height / 2
        points = [(left + width * (i + 0.5) / len(mode), middle - height * 0.45 * u) for i, u in enumerate(mode)]
        svg += [f'<line x1="{left}" y1="{middle}" x2="{left + width}" y2="{middle}" stroke="#bbbbbb"/>',
                f'<text x="{left + width + 10}" y="{middle + 4}">mode {row + 1}: {frequency:.5g} Hz</text>',
                f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in points)}" fill="none" stroke="#1f77b4"/>']
        svg += [f'<circle cx="{x:.2f}" cy="{y:.2f}" r="4" fill="#1f77b4"/>' for x, y in points]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg + ["</svg>"]), encoding="utf-8")


def calculate(
    masses: int = 5,
    mass_kg: float = 2.0,
    stiffness_N_per_mm: float = 50.0,
    left_end: str = "fixed",
    right_end: str = "free",
    masses_kg: list | None = None,
    stiffnesses_N_per_mm: list | None = None,
    solver: str = "auto",
) -> dict:
    """Natural frequencies and first modes of a chain.

    Parameters:
        masses: how many equal masses [-], 1 to 200
        mass_kg: each of them [kg], 1e-9 to 1e9
        stiffness_N_per_mm: each spring [N/mm], 1e-9 to 1e12
        left_end: "fixed" (a spring from the wall to the first mass) or "free"
        right_end: "fixed" or "free"
        masses_kg: own masses from left to right, instead of equal ones [kg], 1e-9 to 1e9
        stiffnesses_N_per_mm: own springs from left to right, those to the walls too [N/mm], 1e-9 to 1e12
        solver: "auto" (numpy where present), "numpy" or "stdlib"

    Source: K u = omega^2 M u (Meirovitch, chapter 7), solved as the symmetric M^(-1/2) K M^(-1/2).
    """
    for name, value in (("left_end", left_end), ("right_end", right_end)):
        if value not in ("fixed", "free"):
            raise ValueError(f'{name} is {value!r}: it must be "fixed" or "free"')
    if solver not in ("auto", "numpy", "stdlib"):
        raise ValueError(f'solver is {solver!r}: it must be "auto", "numpy" or "stdlib"')
    if solver == "numpy" and numpy is None:
        raise ValueError('solver is "numpy", but this interpreter has no numpy: take "auto" or "stdlib"')
    count = number("masses", masses, 1, 200, "", int)
    mass = number("mass_kg", mass_kg, 1e-9, 1e9, "kg")
    stiffness = number("stiffness_N_per_mm", stiffness_N_per_mm, 1e-9, 1e12, "N/mm")
    m = [mass] * count if masses_kg is None else numbers("masses_kg", masses_kg, None, 1e-9, 1e9, "kg")
    springs = len(m) - 1 + (left_end == "fixed") + (right_end == "fixed")
    if stiffnesses_N_per_mm is None:
        k = [stiffness] * springs
    elif springs == 0:
        raise ValueError("stiffnesses_N_per_mm: a single free mass has no spring")
    else:
        k = numbers("stiffnesses_N_per_mm", stiffnesses_N_per_mm, springs, 1e-9, 1e12, "N/mm")

    # One spring on either side of each mass, of no stiffness at a free end; N/m.
    k = [0.0] * (left_end == "free") + [1e3 * value for value in k] + [0.0] * (right_end == "free")
    diagonal = [(k[i] + k[i + 1]) / m[i] for i in range(len(m))]
    beside = [-k[i + 1] / math.sqrt(m[i] * m[i + 1]) for i in range(len(m) - 1)]
    shown = min(4, len(m))
    with_numpy = numpy is not None and solver != "stdlib"
    if with_numpy:
        matrix = numpy.diag(diagonal) + numpy.diag(beside, 1) + numpy.diag(beside, -1)
        squares, vectors = numpy.linalg.eigh(matrix)
        squares = squares.tolist()
        scaled = [vectors[:, i].tolist() for i in range(shown)]
    else:
        squares = eigenvalues(diagonal, beside)
        scaled = [vector(diagonal, beside, squares[i]) for i in range(shown)]
    modes = []
    for column in scaled:
        u = [entry / math.sqrt(mass) for entry, mass in zip(column, m)]
        # Of places that move equally far the first counts, whatever rounding says.
        largest = max(u, key=lambda entry: float(f"{abs(entry):.9g}"))
        modes.append([entry / largest for entry in u])
    angular = [math.sqrt(max(square, 0.0)) for square in squares]
    frequencies = [value / (2 * math.pi) for value in angular]
    plot(OUT / "artifacts" / "modes.svg", modes, frequencies)
    return {
        "first_frequency_Hz": frequencies[0],
        "highest_frequency_Hz": frequencies[-1],
        "frequencies_Hz": frequencies,
        "angular_frequencies_rad_per_s": angular,
        "modes": modes,
        "total_mass_kg": math.fsum(m),
        "solved_with": "numpy" if with_numpy else "standard library",
        "plot": "artifacts/modes.svg",
    }

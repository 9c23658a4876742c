"""Thick-walled cylinder under internal and external pressure (Lamé's solution)."""

import math
import os
from pathlib import Path

# The output folder stands beside the scratch folder, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"
POINTS = 51


def number(name, value, low, high, unit):
    """Returns value as a float; refuses what is not a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}: it must be a number from {low:g} to {high:g} {unit}")
    return float(value)


def von_mises(a, b, c):
    """Equivalent stress of three principal stresses by the shape-change energy."""
    return math.sqrt(((a - b)**2 + (b - c)**2 + (c - a)**2) / 2)


def tresca(a, b, c):
    """Equivalent stress of three principal stresses by the largest shear stress."""
    return max(a, b, c) - min(a, b, c)


def plot(path, radii, series):
    """Draws stresses over the radius."""
    width, height, left, top = 560, 340, 80, 40
    values = [value for _, _, column in series for value in column]
    low, high = min(values + [0.0]), max(values + [0.0])
    span = (high - low) or 1.0

    def x(radius):
        return left + width * (radius - radii[0]) / (radii[-1] - radii[0])

    def y(value):
        return top + height * (high - value) / span

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 150} {height + top + 60}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">Stress through the wall, MPa</text>',
           f'<line x1="{left}" y1="{y(0):.2f}" x2="{left + width}" y2="{y(0):.2f}" stroke="black"/>']
    for value in (low, 0.0, high):
        if value == 0 or abs(value) > 0.05 * span:
            svg.append(f'<text x="{left - 8}" y="{y(value) + 4:.2f}" text-anchor="end">{value:.4g}</text>')
    for row, (label, colour, column) in enumerate(series):
        points = " ".join(f"{x(r):.2f},{y(v):.2f}" for r, v in zip(radii, column))
        svg += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
                f'<text x="{left + width + 12}" y="{top + 14 + 20 * row}" fill="{colour}">{label}</text>']
    below = top + height + 30
    svg.append(f'<text x="{left}" y="{below}">r = {radii[0]:g} mm</text><text x="{left + width}" y="{below}" '
               f'text-anchor="end">r = {radii[-1]:g} mm</text></svg>')
    path.write_text("\n".join(svg), encoding="utf-8")


def calculate(
    inner_diameter_mm: float = 100.0,
    outer_diameter_mm: float = 160.0,
    internal_pressure_MPa: float = 60.0,
    external_pressure_MPa: float = 0.0,
    ends: str = "closed",
    e_modulus_GPa: float = 210.0,
    poisson_ratio: float = 0.3,
    yield_strength_MPa: float = 355.0,
) -> dict:
    """Stresses, displacements and safety of a thick-walled cylinder.

    Parameters:
        inner_diameter_mm: inner diameter [mm], 0.01 to 1e5
        outer_diameter_mm: outer diameter [mm], above the inner one, to 1e5
        internal_pressure_MPa: pressure on the bore [MPa], 0 to 1e4
        external_pressure_MPa: pressure on the outside [MPa], 0 to 1e4
        ends: "closed" (both pressures act on the end caps) or "open" (no axial force)
        e_modulus_GPa: Young's modulus [GPa], 0.001 to 2000
        poisson_ratio: Poisson's ratio [-], 0 to 0.5
        yield_strength_MPa: yield strength [MPa], 1 to 5000

    Sources (Timoshenko, Strength of Materials II, 3rd ed.; Shigley, 10th ed.):
        radial and hoop stress: A -/+ B / r^2 (Timoshenko art. 40; Shigley eq. 3-49)
        axial stress, closed ends: (pi ri^2 - po ro^2) / (ro^2 - ri^2) (Shigley eq. 3-51 with po)
        displacement: u = r (hoop - nu (radial + axial)) / E (Hooke's law, with eps_hoop = u / r)
        fully plastic wall: p = yield ln(ro / ri) (Timoshenko ch. IX, Tresca)
    """
    ri = number("inner_diameter_mm", inner_diameter_mm, 0.01, 1e5, "mm") / 2
    ro = number("outer_diameter_mm", outer_diameter_mm, 0.01, 1e5, "mm") / 2
    if ro <= ri:
        raise ValueError(f"outer_diameter_mm is {outer_diameter_mm!r}: it must be above inner_diameter_mm, "
                         f"{inner_diameter_mm:g} mm")
    pi = number("internal_pressure_MPa", internal_pressure_MPa, 0, 1e4, "MPa")
    po = number("external_pressure_MPa", external_pressure_MPa, 0, 1e4, "MPa")
    if ends not in ("closed", "open"):
        raise ValueError(f'ends is {ends!r}: it must be "closed" or "open"')
    e = number("e_modulus_GPa", e_modulus_GPa, 1e-3, 2e3, "GPa") * 1e3
    nu = number("poisson_ratio", poisson_ratio, 0, 0.5, "")
    strength = number("yield_strength_MPa", yield_strength_MPa, 1, 5e3, "MPa")

    # Written with the wall's thickness, so that a thin wall loses no digits in ro^2 - ri^2.
    wall = (ro - ri) * (ro + ri)
    mean = (pi * ri**2 - po * ro**2) / wall
    swing = (pi - po) * ri**2 * ro**2 / wall
    axial = mean if ends == "closed" else 0.0

    def at(r):
        """(radial, hoop, axial) at radius r."""
        return mean - swing / r**2, mean + swing / r**2, axial

    def displacement(r):
        """Radial growth at radius r, mm."""
        radial, hoop, along = at(r)
        return r * (hoop - nu * (radial + along)) / e

    radii = [ri + (ro - ri) * i / (POINTS - 1) for i in range(POINTS)]
    table = [(r, *at(r), von_mises(*at(r)), tresca(*at(r))) for r in radii]
    mises = max(row[4] for row in table)
    shear = max(row[5] for row in table)

    folder = OUT / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["radius_mm,radial_MPa,hoop_MPa,axial_MPa,von_mises_MPa,tresca_MPa"]
    lines += [",".join(f"{value:.9g}" for value in row) for row in table]
    (folder / "stresses.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = list(zip(*table))
    plot(folder / "stresses.svg", radii, [("radial", "#1f77b4", columns[1]), ("hoop", "#d62728", columns[2]),
                                          ("axial", "#2ca02c", columns[3]), ("von Mises", "#7f7f7f", columns[4])])

    # Pressure difference at first yield: every stress is linear in it for a cylinder loaded from inside alone.
    unit = ri**2 / wall
    inside = (unit - unit * ro**2 / ri**2, unit + unit * ro**2 / ri**2, unit if ends == "closed" else 0.0)
    radial_i, hoop_i, _ = at(ri)
    radial_o, hoop_o, _ = at(ro)
    return {
        "hoop_inner_MPa": hoop_i,
        "hoop_outer_MPa": hoop_o,
        "radial_inner_MPa": radial_i,
        "radial_outer_MPa": radial_o,
        "axial_MPa": axial,
        "von_mises_max_MPa": mises,
        "tresca_max_MPa": shear,
        "inner_radius_change_um": displacement(ri) * 1e3,
        "outer_radius_change_um": displacement(ro) * 1e3,
        "first_yield_internal_pressure_MPa": strength / von_mises(*inside),
        "collapse_internal_pressure_MPa": strength * math.log(ro / ri),
        "thin_wall_hoop_MPa": (pi * ri - po * ro) / (ro - ri),
        "safety_factor_von_mises": strength / mises if mises > 0 else None,
        "safety_factor_tresca": strength / shear if shear > 0 else None,
        "utilisation_von_mises": mises / strength,
        "files": ["artifacts/stresses.svg", "artifacts/stresses.csv"],
    }

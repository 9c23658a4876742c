"""Hertz contact of spheres and of parallel cylinders, with the stresses under the surface."""

import math
import os
from pathlib import Path

# The output folder stands beside the scratch folder, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"


def number(name, value, low, high, unit):
    """Returns value as a float; refuses what is not a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}: it must be a number from {low:g} to {high:g} {unit}".rstrip())
    return float(value)


def below_sphere(depth, nu):
    """(lateral, lateral, normal) stress over p0 on the axis of a point contact, depth in radii a (eq. 3.45)."""
    around = 1 / (1 + depth**2)
    angle = math.atan2(1, depth)  # arctan(a / z), defined at the surface too
    lateral = -(1 + nu) * (1 - depth * angle) + around / 2
    return lateral, lateral, -around


def below_cylinder(depth, nu):
    """(lateral, axial, normal) stress over p0 under the middle of a line contact, depth in half-widths a
    (eq. 4.46; axial by plane strain)."""
    root = math.sqrt(1 + depth**2)
    # (1 + 2 z^2) / root - 2 z, written so that no digits are lost far below.
    lateral, normal = -1 / (root * (root + depth)**2), -1 / root
    return lateral, nu * (lateral + normal), normal


def shear(stress):
    """Largest shear stress in the plane of the normal stress and the lateral one (the tau_1 of Johnson)."""
    return abs(stress[0] - stress[2]) / 2


def mises(stress):
    """Von Mises equivalent of three principal stresses."""
    a, b, c = stress
    return math.sqrt(((a - b)**2 + (b - c)**2 + (c - a)**2) / 2)


def peak(function):
    """(largest value, its place) of a function of the depth from 0 to 3, to about nine digits of the value."""
    step = 3 / 3000
    best = max(range(3001), key=lambda i: function(i * step)) * step
    low, high = max(best - step, 0.0), best + step
    for _ in range(60):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            low += third
        else:
            high -= third
    place = max((low, (low + high) / 2), key=function)
    return function(place), place


def plot(path, stresses, p0, a, unit_title):
    """Draws the stresses over the depth, from the surface to three times the contact's half-size."""
    width, height, left, top = 480, 360, 80, 50
    depths = [3 * i / 150 for i in range(151)]
    rows = [stresses(depth) for depth in depths]
    low, high = min(min(row) for row in rows), max(mises(row) for row in rows)
    series = [("normal", "#1f77b4", [row[2] for row in rows]), ("lateral", "#ff7f0e", [row[0] for row in rows]),
              ("largest shear", "#2ca02c", [shear(row) for row in rows]),
              ("von Mises", "#d62728", [mises(row) for row in rows])]

    def x(value):
        return left + width * (value - low) / (high - low)

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 160} {height + top + 50}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="20" font-size="15">{unit_title}: stress (MPa) over depth</text>']
    for value in (low, 0.0, high):
        svg += [f'<line x1="{x(value):.2f}" y1="{top}" x2="{x(value):.2f}" y2="{top + height}" stroke="#cccccc"/>',
                f'<text x="{x(value):.2f}" y="{top - 8}" text-anchor="middle">{value * p0:.4g}</text>']
    for i in range(4):
        y = top + height * i / 3
        svg.append(f'<text x="{left - 8}" y="{y + 4:.2f}" text-anchor="end">{i * a * 1e3:.4g} µm</text>')
    for row, (label, colour, column) in enumerate(series):
        points = " ".join(f"{x(v):.2f},{top + height * d / 3:.2f}" for d, v in zip(depths, column))
        svg += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
                f'<text x="{left + width + 16}" y="{top + 14 + 20 * row}" fill="{colour}">{label}</text>']
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg + ["</svg>"]), encoding="utf-8")


def calculate(
    contact: str = "point",
    load_N: float = 100.0,
    radius_1_mm: float = 10.0,
    radius_2_mm: float = 0.0,
    length_mm: float = 20.0,
    e_modulus_1_GPa: float = 210.0,
    poisson_1: float = 0.3,
    e_modulus_2_GPa: float = 210.0,
    poisson_2: float = 0.3,
    yield_strength_MPa: float = 2000.0,
) -> dict:
    """Hertz contact of two bodies (defaults: a hard steel ball of 20 mm on a steel plate).

    Parameters:
        contact: "point" (spheres) or "line" (cylinders with parallel axes)
        load_N: force that presses the bodies together, the whole force in line contact too [N], 1e-6 to 1e9
        radius_1_mm: radius of body 1, convex [mm], 1e-4 to 1e6
        radius_2_mm: radius of body 2 [mm], -1e6 to 1e6; 0 is a plane, negative a socket or groove wider than body 1
        length_mm: length of a line contact, not used for a point contact [mm], 1e-3 to 1e5
        e_modulus_1_GPa: Young's modulus of body 1 [GPa], 1e-6 to 2000
        poisson_1: Poisson's ratio of body 1 [-], 0 to 0.5
        e_modulus_2_GPa: Young's modulus of body 2 [GPa], 1e-6 to 2000
        poisson_2: Poisson's ratio of body 2 [-], 0 to 0.5
        yield_strength_MPa: yield strength of body 1 in simple tension [MPa], 0.01 to 10000

    Sources (Johnson, Contact Mechanics, 1985):
        1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2, 1/R = 1/R1 + 1/R2 (section 4.2)
        spheres: a = (3 P R / 4 E*)^(1/3) (4.22), approach a^2 / R (4.23), p0 = 3 P / (2 pi a^2) (4.24),
        tension at the edge of the contact p0 (1 - 2 nu) / 3 (section 3.4), first yield (section 6.1, eq. 6.9)
        cylinders, P' = P / length: a = sqrt(4 P' R / (pi E*)) (4.43), p0 = 2 P' / (pi a) (4.45)
    """
    if contact not in ("point", "line"):
        raise ValueError(f'contact is {contact!r}: it must be "point" or "line"')
    load = number("load_N", load_N, 1e-6, 1e9, "N")
    r1 = number("radius_1_mm", radius_1_mm, 1e-4, 1e6, "mm")
    r2 = number("radius_2_mm", radius_2_mm, -1e6, 1e6, "mm (0 is a plane, negative is hollow)")
    length = number("length_mm", length_mm, 1e-3, 1e5, "mm")
    e1 = number("e_modulus_1_GPa", e_modulus_1_GPa, 1e-6, 2e3, "GPa") * 1e3
    e2 = number("e_modulus_2_GPa", e_modulus_2_GPa, 1e-6, 2e3, "GPa") * 1e3
    nu1 = number("poisson_1", poisson_1, 0, 0.5, "")
    nu2 = number("poisson_2", poisson_2, 0, 0.5, "")
    strength = number("yield_strength_MPa", yield_strength_MPa, 1e-2, 1e4, "MPa")
    curvature = 1 / r1 + (1 / r2 if r2 else 0.0)
    if curvature <= 1e-9 / r1:
        raise ValueError(f"radius_2_mm is {radius_2_mm!r}: a hollow must be wider than body 1, radius {r1:g} mm")

    modulus = 1 / ((1 - nu1**2) / e1 + (1 - nu2**2) / e2)
    radius = 1 / curvature
    if contact == "point":
        a = (3 * load * radius / (4 * modulus))**(1 / 3)
        area = math.pi * a**2
        p0 = 1.5 * load / area
        field, title = below_sphere, "Point contact"
    else:
        a = math.sqrt(4 * load / length * radius / (math.pi * modulus))
        area = 2 * a * length
        p0 = 2 * load / (length * math.pi * a)
        field, title = below_cylinder, "Line contact"
    shear_peak, shear_depth = peak(lambda depth: shear(field(depth, nu1)))
    mises_peak, mises_depth = peak(lambda depth: mises(field(depth, nu1)))
    plot(OUT / "artifacts" / "stresses.svg", lambda depth: field(depth, nu1), p0, a, title)
    # The pressure grows with the third or the second root of the load.
    reserve = strength / (mises_peak * p0)
    result = {
        "contact_half_width_mm": a,
        "contact_area_mm2": area,
        "max_pressure_MPa": p0,
        "mean_pressure_MPa": load / area,
        "effective_modulus_GPa": modulus / 1e3,
        "effective_radius_mm": radius,
        "max_shear_MPa": shear_peak * p0,
        "max_shear_over_p0": shear_peak,
        "max_shear_depth_mm": shear_depth * a,
        "max_shear_depth_over_a": shear_depth,
        "von_mises_max_MPa": mises_peak * p0,
        "von_mises_depth_mm": mises_depth * a,
        "p0_at_first_yield_over_yield": 1 / mises_peak,
        "load_at_first_yield_N": load * reserve**(3 if contact == "point" else 2),
        "safety_factor_yield": reserve,
        "small_contact": a <= 0.1 * min(r1, abs(r2) or r1),
        "plot": "artifacts/stresses.svg",
    }
    if contact == "point":
        result["approach_um"] = a**2 / radius * 1e3
        result["edge_tension_MPa"] = (1 - 2 * nu1) * p0 / 3
    return result

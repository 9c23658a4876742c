"""Flexural buckling of a steel column: Euler load and EN 1993-1-1, clause 6.3.1."""

import math
import os
from pathlib import Path

# The output folder stands beside the scratch folder, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"

# Buckling length over length; the ideal conditions.
ENDS = {"pinned-pinned": 1.0, "fixed-pinned": 0.699155659, "fixed-fixed": 0.5, "fixed-free": 2.0}
# Imperfection factor of each buckling curve (EN 1993-1-1 table 6.1).
CURVES = {"a0": 0.13, "a": 0.21, "b": 0.34, "c": 0.49, "d": 0.76}


def number(name, value, low, high, unit=""):
    """Returns value as a float; refuses what is not a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}: it must be a number from {low:g} to {high:g} {unit}".rstrip())
    return float(value)


def choice(name, value, table):
    """Returns the entry of a table; refuses a name that is not in it."""
    if not isinstance(value, str) or value not in table:
        raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(table)}")
    return table[value]


def reduction(slenderness, imperfection):
    """Reduction factor chi (equation 6.49); 1 up to a slenderness of 0.2 (6.3.1.2(4))."""
    if slenderness <= 0.2:
        return 1.0
    phi = (1 + imperfection * (slenderness - 0.2) + slenderness**2) / 2
    return min(1.0, 1 / (phi + math.sqrt(phi**2 - slenderness**2)))


def plot(path, imperfection, curve, slenderness, chi):
    """Draws the buckling curve, Euler's hyperbola, and the column as a point."""
    width, height, left, top = 560, 320, 60, 50
    right = max(3.0, 1.1 * slenderness)

    def point(x, y):
        return f"{left + width * x / right:.2f},{top + height * (1 - y / 1.2):.2f}"

    steps = [right * i / 300 for i in range(1, 301)]
    euler = " ".join(point(x, min(1.0, 1 / x**2)) for x in steps)
    real = " ".join(point(x, reduction(x, imperfection)) for x in steps)
    at = point(slenderness, chi).split(",")
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 2 * left} {height + top + 50}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">Reduction factor over slenderness: curve {curve} (blue), '
           'Euler (grey)</text>',
           f'<polyline points="{point(0, 1.2)} {point(0, 0)} {point(right, 0)}" fill="none" stroke="black"/>',
           f'<polyline points="{euler}" fill="none" stroke="#7f7f7f" stroke-dasharray="5 4"/>',
           f'<polyline points="{real}" fill="none" stroke="#1f77b4" stroke-width="2"/>',
           f'<circle cx="{at[0]}" cy="{at[1]}" r="5" fill="#d62728"/>',
           f'<text x="{float(at[0]) + 10:.2f}" y="{float(at[1]) - 8:.2f}">slenderness {slenderness:.3f}, '
           f'chi {chi:.3f}</text>']
    for tick in (0.5, 1.0):
        svg.append(f'<text x="{left - 8}" y="{point(0, tick).split(",")[1]}" text-anchor="end">{tick:g}</text>')
    for tick in range(1, math.floor(right) + 1, max(1, round(right / 8))):
        svg.append(f'<text x="{point(tick, 0).split(",")[0]}" y="{top + height + 18}" text-anchor="middle">{tick}</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg + ["</svg>"]), encoding="utf-8")


def calculate(
    length_m: float = 4.0,
    ends: str = "pinned-pinned",
    area_cm2: float = 53.8,
    second_moment_cm4: float = 1336.0,
    e_modulus_GPa: float = 210.0,
    yield_strength_MPa: float = 235.0,
    curve: str = "c",
    gamma_m1: float = 1.0,
    design_force_kN: float = 500.0,
) -> dict:
    """Buckling resistance of a column (defaults: HE 200 A in S235, weak axis).

    Parameters:
        length_m: length of the member [m], 0.01 to 1000
        ends: "pinned-pinned", "fixed-pinned", "fixed-fixed" or "fixed-free"
        area_cm2: area of the section [cm2], 0.01 to 1e6
        second_moment_cm4: second moment of area about the axis of buckling [cm4], 1e-4 to 1e9
        e_modulus_GPa: Young's modulus [GPa], 0.1 to 2000
        yield_strength_MPa: yield strength [MPa], 1 to 2000
        curve: buckling curve of EN 1993-1-1 table 6.2: "a0", "a", "b", "c" or "d"
        gamma_m1: partial factor (1.0 recommended, 1.1 in the German annex) [-], 1 to 2
        design_force_kN: compressive design force N_Ed [kN], 0 to 1e6

    Sources (EN 1993-1-1:2005):
        critical force pi^2 E I / L_cr^2 and slenderness sqrt(A f_y / N_cr): equation 6.50
        chi = 1 / (phi + sqrt(phi^2 - slenderness^2)): equation 6.49
        N_b,Rd = chi A f_y / gamma_M1: equation 6.47; utilisation: equation 6.46
        no reduction up to a slenderness of 0.2 or N_Ed / N_cr of 0.04: clause 6.3.1.2(4)
    """
    length = number("length_m", length_m, 0.01, 1e3, "m")
    factor = choice("ends", ends, ENDS)
    area = number("area_cm2", area_cm2, 0.01, 1e6, "cm2") * 1e-4
    inertia = number("second_moment_cm4", second_moment_cm4, 1e-4, 1e9, "cm4") * 1e-8
    e = number("e_modulus_GPa", e_modulus_GPa, 0.1, 2e3, "GPa") * 1e9
    strength = number("yield_strength_MPa", yield_strength_MPa, 1, 2e3, "MPa") * 1e6
    imperfection = choice("curve", curve, CURVES)
    gamma = number("gamma_m1", gamma_m1, 1, 2)
    force = number("design_force_kN", design_force_kN, 0, 1e6, "kN") * 1e3

    buckling_length = factor * length
    critical = math.pi**2 * e * inertia / buckling_length**2
    squash = area * strength
    slenderness = math.sqrt(squash / critical)
    chi = reduction(slenderness, imperfection)
    negligible = slenderness <= 0.2 or force / critical <= 0.04
    resistance = (1.0 if negligible else chi) * squash / gamma
    plot(OUT / "artifacts" / "buckling.svg", imperfection, curve, slenderness, chi)
    return {
        "buckling_length_m": buckling_length,
        "radius_of_gyration_mm": math.sqrt(inertia / area) * 1e3,
        "geometric_slenderness": buckling_length / math.sqrt(inertia / area),
        "euler_force_kN": critical / 1e3,
        "squash_force_kN": squash / 1e3,
        "relative_slenderness": slenderness,
        "reduction_factor_chi": chi,
        "buckling_may_be_ignored": negligible,
        "design_resistance_kN": resistance / 1e3,
        "utilisation": force / resistance,
        "plot": "artifacts/buckling.svg",
    }

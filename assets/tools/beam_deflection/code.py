"""Simply supported or cantilever beam: shear, moment, deflection, with a plot."""

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


class Beam:
    """The exact solution of E I v'' = M(x) by step functions, SI units, loads downwards positive.

    M(x) = m0 + r0 x - w x^2 / 2 - p <x - a>, with r0 and m0 the reaction and moment at x = 0.
    """

    def __init__(self, cantilever, length, p, a, w, stiffness):
        self.length, self.p, self.a, self.w, self.stiffness = length, p, a, w, stiffness
        if cantilever:
            self.r0, self.m0 = p + w * length, -(p * a + w * length**2 / 2)
            self.slope0 = 0.0
        else:
            self.r0, self.m0 = p * (length - a) / length + w * length / 2, 0.0
            self.slope0 = 0.0
            self.slope0 = -self.bend(length) / length  # makes the deflection zero at the far support

    def shear(self, x):
        """Shear force just right of x, N."""
        return self.r0 - self.w * x - (self.p if x >= self.a else 0.0)

    def moment(self, x):
        """Bending moment, N m, sagging positive."""
        return self.m0 + self.r0 * x - self.w * x**2 / 2 - self.p * max(x - self.a, 0.0)

    def slope(self, x):
        """E I times the slope of the upward deflection, N m^2."""
        return (self.slope0 + self.m0 * x + self.r0 * x**2 / 2 - self.w * x**3 / 6
                - self.p * max(x - self.a, 0.0)**2 / 2)

    def bend(self, x):
        """E I times the upward deflection, N m^3."""
        return (self.slope0 * x + self.m0 * x**2 / 2 + self.r0 * x**3 / 6 - self.w * x**4 / 24
                - self.p * max(x - self.a, 0.0)**3 / 6)

    def deflection(self, x):
        """Downward deflection, m."""
        return -self.bend(x) / self.stiffness


def roots(function, places):
    """Where a function changes sign between neighbouring places, by bisection down to rounding."""
    found = []
    for low, high in zip(places, places[1:]):
        at_low = function(low)
        if at_low * function(high) < 0:
            for _ in range(200):
                middle = (low + high) / 2
                if not low < middle < high:
                    break
                if function(middle) * at_low > 0:
                    low = middle
                else:
                    high = middle
            found.append((low + high) / 2)
    return found


def plot(path, beam, title):
    """Draws shear, moment and deflection under each other."""
    width, height, left, top, gap = 640, 120, 90, 50, 60
    # The load's place is drawn twice, so that the step of the shear is upright.
    places = sorted([beam.length * i / 200 for i in range(201)] + [beam.a, math.nextafter(beam.a, -1)])
    places = [x for x in places if x >= 0]
    charts = [("Shear, kN", "#1f77b4", lambda x: beam.shear(x) / 1e3),
              ("Moment, kN m", "#d62728", lambda x: beam.moment(x) / 1e3),
              ("Deflection, mm", "#2ca02c", lambda x: -beam.deflection(x) * 1e3)]
    total = top + len(charts) * (height + gap)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 40} {total}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">{title}</text>']
    for row, (label, colour, function) in enumerate(charts):
        values = [function(x) for x in places]
        low, high = min(values + [0.0]), max(values + [0.0])
        span = (high - low) or 1.0
        base = top + row * (height + gap)

        def y(value):
            return base + height * (high - value) / span

        points = [f"{left + width * x / beam.length:.2f},{y(v):.2f}" for x, v in zip(places, values)]
        outline = f"{left},{y(0):.2f} " + " ".join(points) + f" {left + width},{y(0):.2f}"
        svg += [f'<text x="{left}" y="{base - 8}">{label}</text>',
                f'<polygon points="{outline}" fill="{colour}" fill-opacity="0.15" stroke="{colour}" stroke-width="1.5"/>',
                f'<line x1="{left}" y1="{y(0):.2f}" x2="{left + width}" y2="{y(0):.2f}" stroke="black"/>']
        svg += [f'<text x="{left - 8}" y="{y(v) + 4:.2f}" text-anchor="end">{v:.4g}</text>'
                for v in sorted({low, 0.0, high}) if v == 0 or abs(v) > 0.15 * span]
    svg.append(f'<text x="{left}" y="{total - 30}">x = 0</text><text x="{left + width}" y="{total - 30}" '
               f'text-anchor="end">x = {beam.length:g} m</text></svg>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg), encoding="utf-8")


def calculate(
    support: str = "simply_supported",
    length_m: float = 6.0,
    point_load_kN: float = 10.0,
    load_position_m: float = 3.0,
    uniform_load_kN_per_m: float = 2.0,
    e_modulus_GPa: float = 210.0,
    second_moment_cm4: float = 1943.0,
    section_height_mm: float = 200.0,
    yield_strength_MPa: float = 235.0,
    deflection_limit_ratio: float = 250.0,
) -> dict:
    """Shear, moment, stress and deflection of a beam (defaults: IPE 200 in S235 over 6 m).

    Parameters:
        support: "simply_supported" (pin at x = 0, roller at x = L) or "cantilever" (clamped at x = 0)
        length_m: span L [m], 0.001 to 1000
        point_load_kN: point load P, downwards positive [kN], -1e6 to 1e6
        load_position_m: distance a of P from x = 0 [m], 0 to L
        uniform_load_kN_per_m: load w over the whole length, downwards positive [kN/m], -1e6 to 1e6
        e_modulus_GPa: Young's modulus E [GPa], 0.001 to 2000
        second_moment_cm4: second moment of area I about the bending axis [cm4], 1e-6 to 1e9
        section_height_mm: height h of the section, symmetric about the bending axis [mm], 0.1 to 10000
        yield_strength_MPa: yield strength [MPa], 1 to 5000
        deflection_limit_ratio: the allowed deflection is L divided by this [-], 10 to 10000

    Sources (Gere and Goodno, Mechanics of Materials, 8th ed.): E I v'' = M, section 9.2; the constants by
    v(0) = v(L) = 0, or v(0) = v'(0) = 0 for the cantilever, section 9.3; sigma = M (h/2) / I, section 5.5.
    """
    if support not in ("simply_supported", "cantilever"):
        raise ValueError(f'support is {support!r}: it must be "simply_supported" or "cantilever"')
    length = number("length_m", length_m, 1e-3, 1e3, "m")
    p = number("point_load_kN", point_load_kN, -1e6, 1e6, "kN") * 1e3
    a = number("load_position_m", load_position_m, 0, length, "m (the length of the beam)")
    w = number("uniform_load_kN_per_m", uniform_load_kN_per_m, -1e6, 1e6, "kN/m") * 1e3
    e = number("e_modulus_GPa", e_modulus_GPa, 1e-3, 2e3, "GPa") * 1e9
    inertia = number("second_moment_cm4", second_moment_cm4, 1e-6, 1e9, "cm4") * 1e-8
    height = number("section_height_mm", section_height_mm, 0.1, 1e4, "mm") * 1e-3
    strength = number("yield_strength_MPa", yield_strength_MPa, 1, 5e3, "MPa") * 1e6
    ratio = number("deflection_limit_ratio", deflection_limit_ratio, 10, 1e4, "")

    cantilever = support == "cantilever"
    beam = Beam(cantilever, length, p, a, w, e * inertia)
    places = sorted({length * i / 200 for i in range(201)} | {a})
    # Extremes stand at the ends, under the load, or where the derivative is zero.
    worst_moment = max(places + roots(beam.shear, places), key=lambda x: abs(beam.moment(x)))
    worst_deflection = max(places + roots(beam.slope, places), key=lambda x: abs(beam.deflection(x)))
    moment = beam.moment(worst_moment)
    deflection = beam.deflection(worst_deflection)
    stress = abs(moment) * height / 2 / inertia
    allowed = length / ratio
    plot(OUT / "artifacts" / "beam.svg", beam, f"{support.replace('_', ' ')} beam, L = {length:g} m")
    return {
        "max_deflection_mm": deflection * 1e3,
        "max_deflection_at_m": worst_deflection,
        "max_moment_kNm": moment / 1e3,
        "max_moment_at_m": worst_moment,
        "max_bending_stress_MPa": stress / 1e6,
        "reaction_left_kN": beam.r0 / 1e3,
        "reaction_right_kN": 0.0 if cantilever else (p + w * length - beam.r0) / 1e3,
        "clamping_moment_kNm": beam.m0 / 1e3,
        "slope_left_mrad": -beam.slope(0.0) / beam.stiffness * 1e3,
        "slope_right_mrad": -beam.slope(length) / beam.stiffness * 1e3,
        "allowed_deflection_mm": allowed * 1e3,
        "utilisation_yield": stress / strength,
        "utilisation_deflection": abs(deflection) / allowed,
        "slender_enough_for_beam_theory": length >= 10 * height,
        "plot": "artifacts/beam.svg",
    }

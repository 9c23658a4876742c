"""Helical compression spring of round wire: rate, stress, safety, buckling."""

import math
import os
from pathlib import Path

# The output folder stands beside the scratch folder, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"

# Ends: coils that do not spring, wire diameters of solid length above the number of coils, and of the
# free length above pitch times active coils (Shigley table 10-1).
ENDS = {"plain": (0, 1, 1), "plain_ground": (1, 0, 0), "squared": (2, 1, 3), "squared_ground": (2, 0, 2)}


def number(name, value, low, high, unit=""):
    """Returns value as a float; refuses what is not a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}: it must be a number from {low:g} to {high:g} {unit}".rstrip())
    return float(value)


def plot(path, rate, travel, force, solid_travel):
    """Draws force over travel up to the solid length, with the working point."""
    width, height, left, top = 520, 320, 80, 50
    reach, most = max(solid_travel, travel), rate * max(solid_travel, travel)

    def point(x, y):
        return f"{left + width * x / reach / 1.05:.2f}", f"{top + height * (1 - y / most / 1.05):.2f}"

    def line(colour, start, end, dash=""):
        (x1, y1), (x2, y2) = point(*start), point(*end)
        return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'

    x, y = point(travel, force)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 120} {height + top + 50}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">Force over travel, {rate:.4g} N/mm</text>',
           line("black", (0, 0), (1.05 * reach, 0)), line("black", (0, 0), (0, 1.05 * most)),
           line("#1f77b4", (0, 0), (solid_travel, rate * solid_travel)),
           line("#7f7f7f", (solid_travel, 0), (solid_travel, 1.05 * most), "4 4"),
           f'<circle cx="{x}" cy="{y}" r="5" fill="#d62728"/>',
           f'<text x="{float(x) + 10:.2f}" y="{float(y) + 14:.2f}">{force:.4g} N at {travel:.4g} mm</text>',
           f'<text x="{point(solid_travel, 0)[0]}" y="{top + height + 20}" text-anchor="end">solid at '
           f'{solid_travel:.4g} mm</text></svg>']
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg), encoding="utf-8")


def calculate(
    wire_diameter_mm: float = 4.0,
    mean_diameter_mm: float = 32.0,
    active_coils: float = 8.0,
    ends: str = "squared_ground",
    free_length_mm: float = 85.0,
    force_N: float = 300.0,
    shear_modulus_GPa: float = 81.5,
    e_modulus_GPa: float = 206.0,
    torsional_yield_MPa: float = 700.0,
    density_kg_per_m3: float = 7850.0,
    alpha: float = 0.5,
) -> dict:
    """Rate, stress and safety of a compression spring (defaults: spring steel wire of 4 mm).

    Parameters:
        wire_diameter_mm: wire diameter d [mm], 0.01 to 100
        mean_diameter_mm: mean coil diameter D [mm], 3 d to 30 d
        active_coils: coils that spring, N_a [-], 1 to 500
        ends: "plain", "plain_ground", "squared" or "squared_ground"
        free_length_mm: length without load [mm], above the solid length, to 1e5
        force_N: static load [N], 0.001 to 1e7
        shear_modulus_GPa: shear modulus G [GPa], 1 to 500
        e_modulus_GPa: Young's modulus E [GPa], above G, to 1500
        torsional_yield_MPa: torsional yield strength of the wire [MPa], 1 to 5000
        density_kg_per_m3: density of the wire [kg/m3], 100 to 25000
        alpha: end condition, 0.5 both ends on flat plates, 0.707 one hinged, 1 both hinged, 2 one free [-], 0.5 to 2

    Sources (Shigley, 10th ed.):
        curvature factor (4 C + 2) / (4 C - 3), C = D / d: eq. 10-5; stress K 8 F D / (pi d^3): eq. 10-7
        rate d^4 G / (8 D^3 N_a): eq. 10-9; coils and lengths: table 10-1
        critical travel: eq. 10-10; safe from buckling at any travel: eq. 10-12
        natural frequency between flat plates sqrt(k / m) / 2, m the mass of the active coils: eq. 10-25
    """
    d = number("wire_diameter_mm", wire_diameter_mm, 0.01, 100, "mm")
    mean = number("mean_diameter_mm", mean_diameter_mm, 3 * d, 30 * d, "mm (3 to 30 wire diameters)")
    coils = number("active_coils", active_coils, 1, 500)
    if not isinstance(ends, str) or ends not in ENDS:
        raise ValueError(f"ends is {ends!r}: it must be one of {', '.join(ENDS)}")
    dead, above_coils, above_pitch = ENDS[ends]
    solid = d * (coils + dead + above_coils)
    if isinstance(free_length_mm, (int, float)) and free_length_mm <= solid:
        raise ValueError(f"free_length_mm is {free_length_mm!r}: it must be above the solid length, {solid:g} mm")
    free = number("free_length_mm", free_length_mm, solid, 1e5, "mm")
    force = number("force_N", force_N, 1e-3, 1e7, "N")
    g = number("shear_modulus_GPa", shear_modulus_GPa, 1, 500, "GPa") * 1e3
    e = number("e_modulus_GPa", e_modulus_GPa, 1.01 * g / 1e3, 1500, "GPa (above the shear modulus)") * 1e3
    strength = number("torsional_yield_MPa", torsional_yield_MPa, 1, 5e3, "MPa")
    density = number("density_kg_per_m3", density_kg_per_m3, 100, 25e3, "kg/m3")
    alpha = number("alpha", alpha, 0.5, 2)

    index = mean / d
    curvature = (4 * index + 2) / (4 * index - 3)
    rate = d**4 * g / (8 * mean**3 * coils)
    stress_per_force = curvature * 8 * mean / (math.pi * d**3)
    travel = force / rate
    solid_travel = free - solid
    solid_force = rate * solid_travel

    stable_length = math.pi * mean / alpha * math.sqrt(2 * (e - g) / (2 * g + e))
    stable = free < stable_length
    # Below the stable length the root of eq. 10-10 has no real value: no travel makes it buckle.
    inside = 1 - 2 * math.pi**2 * (e - g) / (2 * g + e) / (alpha * free / mean)**2
    critical = None if inside < 0 else free * e / (2 * (e - g)) * (1 - math.sqrt(inside))
    mass = math.pi**2 * (d * 1e-3)**2 / 4 * mean * 1e-3 * coils * density

    plot(OUT / "artifacts" / "spring.svg", rate, travel, force, solid_travel)
    result = {
        "rate_N_per_mm": rate,
        "travel_mm": travel,
        "loaded_length_mm": free - travel,
        "pressed_solid": travel >= solid_travel,
        "spring_index": index,
        "curvature_factor": curvature,
        "shear_stress_MPa": stress_per_force * force,
        "safety_yield": strength / (stress_per_force * force),
        "force_at_yield_N": strength / stress_per_force,
        "travel_at_yield_mm": strength / stress_per_force / rate,
        "total_coils": coils + dead,
        "pitch_mm": (free - above_pitch * d) / (coils + (ends == "plain_ground")),
        "solid_length_mm": solid,
        "solid_force_N": solid_force,
        "safety_yield_solid": strength / (stress_per_force * solid_force),
        "clash_allowance": solid_travel / travel - 1,
        "stable_free_length_mm": stable_length,
        "buckles": not stable and travel > critical,
        "natural_frequency_Hz": math.sqrt(rate * 1e3 / mass) / 2,
        "mass_active_coils_g": mass * 1e3,
        "plot": "artifacts/spring.svg",
    }
    if critical is not None:
        result["critical_travel_mm"] = critical
    return result

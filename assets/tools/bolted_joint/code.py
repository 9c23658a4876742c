"""Bolted joint after VDI 2230 Part 1: preload, stresses, load factor, residual clamp load."""

import math
import os
from pathlib import Path

# out/ stands beside scratch/, wherever the sandbox put both.
OUT = Path(os.environ.get("MECAPY_SCRATCH", "scratch")).parent / "out"

# Thread: coarse pitch (ISO 261), least bearing face diameter dw (ISO 4014), medium hole dh (ISO 273), mm.
THREADS = {
    "M4": (0.7, 5.88, 4.5), "M5": (0.8, 6.88, 5.5), "M6": (1.0, 8.88, 6.6), "M8": (1.25, 11.63, 9.0),
    "M10": (1.5, 14.63, 11.0), "M12": (1.75, 16.63, 13.5), "M14": (2.0, 19.64, 15.5), "M16": (2.0, 22.49, 17.5),
    "M20": (2.5, 28.19, 22.0), "M24": (3.0, 33.61, 26.0), "M30": (3.5, 42.75, 33.0), "M36": (4.0, 51.11, 39.0),
}
# Property class: least proof strength Rp0.2 in MPa up to M16 and above (ISO 898-1 table 3).
STRENGTH = {"5.6": (300, 300), "8.8": (640, 660), "10.9": (940, 940), "12.9": (1100, 1100)}


def number(name, value, low, high, unit=""):
    """A parameter as a float within its bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}: it must be a number from {low:g} to {high:g} {unit}".rstrip())
    return float(value)


def choice(name, value, table):
    """The entry of a table."""
    if not isinstance(value, str) or value not in table:
        raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(table)}")
    return table[value]


def plate_resilience(dw, dh, da, length, e):
    """Resilience of the plates, mm/N: two cones, and a sleeve where they reach the edge (section 5.1.2)."""
    if da <= dw:
        return 4 * length / (e * math.pi * (da**2 - dh**2))
    slope = 0.362 + 0.032 * math.log(length / dw / 2) + 0.153 * math.log(da / dw)
    edge = min(da, dw + length * slope)
    cones = 2 / (dh * slope) * math.log((dw + dh) * (edge - dh) / ((dw - dh) * (edge + dh)))
    sleeve = 4 / (da**2 - dh**2) * max(length - (edge - dw) / slope, 0.0) if edge == da else 0.0
    return (cones + sleeve) / (e * math.pi)


def plot(path, preload, bolt, plates, extra, relief):
    """Draws the joint diagram: force over elongation."""
    stretch, squeeze = preload * bolt, preload * plates
    at = stretch + extra * bolt

    def point(x, force):
        return f"{60 + 560 * x / (stretch + squeeze):.1f},{370 - 300 * force / (preload + extra):.1f}"

    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 410" font-family="sans-serif" font-size="12">'
           '<rect width="100%" height="100%" fill="white"/>'
           '<text x="60" y="24" font-size="15">Joint diagram after embedding</text>']
    for colour, name, ends in [
        ("black", "", [(0, 0), (stretch + squeeze, 0)]),
        ("#1f77b4", f"bolt, {preload / 1e3:.1f} kN preloaded", [(0, 0), (at, preload + extra)]),
        ("#d62728", "plates", [(stretch, preload), (stretch + squeeze, 0)]),
        ("#2ca02c", "working load", [(at, preload + extra), (at, preload - relief)]),
    ]:
        points = [point(*end) for end in ends]
        x, y = points[-1].split(",")
        svg.append(f'<polyline points="{" ".join(points)}" stroke="{colour}" stroke-width="2" fill="none"/>'
                   f'<text x="{float(x) + 8}" y="{y}" fill="{colour}">{name}</text>')
    svg.append(f'<text x="60" y="394">bolt {stretch * 1e3:.1f} µm longer, plates {squeeze * 1e3:.1f} µm thinner'
               '</text></svg>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(svg), encoding="utf-8")


def calculate(
    thread: str = "M12",
    property_class: str = "8.8",
    pitch_mm: float = 0.0,
    torque_Nm: float = 75.0,
    mu_thread: float = 0.12,
    mu_head: float = 0.12,
    tightening_factor: float = 1.6,
    clamp_length_mm: float = 40.0,
    shank_length_mm: float = 25.0,
    plate_diameter_mm: float = 40.0,
    e_bolt_GPa: float = 205.0,
    e_plates_GPa: float = 205.0,
    axial_force_kN: float = 12.0,
    axial_force_min_kN: float = 0.0,
    introduction_factor: float = 0.5,
    embedding_um: float = 8.0,
    required_clamp_kN: float = 5.0,
    limit_pressure_MPa: float = 710.0,
) -> dict:
    """Preload, stresses and safety of a bolted joint.

    Parameters:
        thread: "M4", "M5", "M6", "M8", "M10", "M12", "M14", "M16", "M20", "M24", "M30", "M36"
        property_class: "5.6", "8.8", "10.9" or "12.9"
        pitch_mm: pitch of a fine thread [mm], 0 to 6; 0 is the coarse pitch
        torque_Nm: tightening torque M_A [N m], 0.01 to 1e5
        mu_thread: least friction in the thread [-], 0 to 0.5
        mu_head: least friction under the head or nut [-], 0 to 0.5
        tightening_factor: alpha_A = largest over least preload [-], 1 to 4
        clamp_length_mm: l_K [mm], 1 to 1000
        shank_length_mm: part of l_K without thread, of the nominal diameter [mm], 0 to l_K
        plate_diameter_mm: outer diameter D_A of the plates [mm], above the hole, to 1000
        e_bolt_GPa: Young's modulus of the bolt [GPa], 1 to 1000
        e_plates_GPa: Young's modulus of the plates [GPa], 1 to 1000
        axial_force_kN: largest axial working load F_A [kN], 0 to 1e4
        axial_force_min_kN: least axial working load [kN], 0 to F_A
        introduction_factor: n [-], 0 to 1
        embedding_um: f_Z [um], 0 to 100 (VDI 2230 table 5)
        required_clamp_kN: clamp load that function asks for [kN], 0.001 to 1e4
        limit_pressure_MPa: p_G of the plates [MPa], 1 to 5000 (490 for S235, 710 for E295)

    Source: VDI 2230 Part 1:2015; the comments name the step of each result.
    """
    coarse, dw, dh = choice("thread", thread, THREADS)
    d = float(thread[1:])
    strength = float(choice("property_class", property_class, STRENGTH)[d > 16])
    p = number("pitch_mm", pitch_mm, 0, min(6, d / 4), f"mm for {thread}") or coarse
    torque = number("torque_Nm", torque_Nm, 0.01, 1e5, "N m") * 1e3
    mu_g = number("mu_thread", mu_thread, 0, 0.5)
    mu_k = number("mu_head", mu_head, 0, 0.5)
    alpha = number("tightening_factor", tightening_factor, 1, 4)
    lk = number("clamp_length_mm", clamp_length_mm, 1, 1e3, "mm")
    shank = number("shank_length_mm", shank_length_mm, 0, lk, "mm")
    da = number("plate_diameter_mm", plate_diameter_mm, dh * 1.05, 1e3, "mm")
    eb = number("e_bolt_GPa", e_bolt_GPa, 1, 1e3, "GPa") * 1e3
    ep = number("e_plates_GPa", e_plates_GPa, 1, 1e3, "GPa") * 1e3
    fa = number("axial_force_kN", axial_force_kN, 0, 1e4, "kN") * 1e3
    fa_min = number("axial_force_min_kN", axial_force_min_kN, 0, fa / 1e3, "kN") * 1e3
    n = number("introduction_factor", introduction_factor, 0, 1)
    fz = number("embedding_um", embedding_um, 0, 100, "um") * 1e-3
    required = number("required_clamp_kN", required_clamp_kN, 1e-3, 1e4, "kN") * 1e3
    limit = number("limit_pressure_MPa", limit_pressure_MPa, 1, 5e3, "MPa")

    # Thread: ISO 724 with H = sqrt(3)/2 P; stress area: ISO 898-1, 9.1.6.
    d2 = d - 3 * math.sqrt(3) / 8 * p
    d3 = d - 17 * math.sqrt(3) / 24 * p
    d0 = (d2 + d3) / 2
    area = math.pi / 4 * d0**2

    # R13 and section 5.4: torque over preload, mm, in the thread and under the head.
    in_thread = p / (2 * math.pi) + d2 / 2 * mu_g / math.cos(math.radians(30))
    under_head = (dw + dh) / 4 * mu_k
    preload = torque / (in_thread + under_head)

    # R7: stress while tightening, torsion with the fully plastic modulus pi d0^3 / 12.
    sigma_m = preload / area
    tau_m = preload * in_thread * 12 / (math.pi * d0**3)
    red_m = math.sqrt(sigma_m**2 + 3 * tau_m**2)
    preload_90 = 0.9 * strength * preload / red_m

    # R3 and section 5.1.1: head 0.5 d, nut 0.4 d, engaged thread 0.5 d.
    nominal, core = math.pi / 4 * d**2, math.pi / 4 * d3**2
    bolt = ((0.9 * d + shank) / nominal + (lk - shank + 0.5 * d) / core) / eb
    plates = plate_resilience(dw, dh, da, lk, ep)
    phi = n * plates / (bolt + plates)

    # R4 to R6: embedding and residual clamp load.
    loss = fz / (bolt + plates)
    least = preload / alpha
    relief = (1 - phi) * fa
    clamp = least - loss - relief

    # R8: service stress, half the torsion stays; R9: amplitude, thread rolled before heat treatment; R10: pressure.
    most = preload + phi * fa
    tau_b = preload * in_thread * 16 / (math.pi * d0**3)
    red_b = math.sqrt((most / area)**2 + 3 * (0.5 * tau_b)**2)
    amplitude = phi * (fa - fa_min) / 2 / area
    endurance = 0.85 * (150 / d + 45)
    pressure = most / (math.pi / 4 * (min(dw, da)**2 - dh**2))

    plot(OUT / "artifacts" / "joint.svg", max(preload - loss, 1.0), bolt, plates, phi * fa, relief)
    return {
        "preload_max_kN": preload / 1e3,
        "preload_min_kN": least / 1e3,
        "torque_thread_Nm": preload * in_thread / 1e3,
        "torque_head_Nm": preload * under_head / 1e3,
        "stress_area_mm2": area,
        "pitch_diameter_d2_mm": d2,
        "minor_diameter_d3_mm": d3,
        "sigma_assembly_MPa": sigma_m,
        "tau_assembly_MPa": tau_m,
        "von_mises_assembly_MPa": red_m,
        "utilisation_assembly": red_m / (0.9 * strength),
        "preload_at_90_percent_kN": preload_90 / 1e3,
        "torque_at_90_percent_Nm": preload_90 * (in_thread + under_head) / 1e3,
        "resilience_bolt_nm_per_N": bolt * 1e6,
        "resilience_plates_nm_per_N": plates * 1e6,
        "load_factor": phi,
        "embedding_loss_kN": loss / 1e3,
        "residual_clamp_kN": clamp / 1e3,
        "safety_clamp": clamp / required,
        "joint_opens": clamp <= 0,
        "bolt_force_max_kN": most / 1e3,
        "von_mises_service_MPa": red_b,
        "safety_yield_service": strength / red_b,
        "stress_amplitude_MPa": amplitude,
        "endurance_limit_MPa": endurance,
        "utilisation_fatigue": amplitude / endurance,
        "pressure_under_head_MPa": pressure,
        "safety_pressure": limit / pressure,
        "plot": "artifacts/joint.svg",
    }

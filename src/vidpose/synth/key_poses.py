"""The poses that people take besides those of walking."""

from __future__ import annotations

from collections.abc import Mapping

Pose = Mapping[str, float]

# Degrees, see `joint_angles`; what a pose does not give is as in "stand". Left is the busy side.
STAND: Pose = {
    "shoulder_abd": 9, "shoulder_twist": 12, "elbow": 16, "forearm": 10, "knee": 4, "hip_flex": 3,
    "hip_abd": 3, "hip_twist": -6, "wrist": 5,
}  # fmt: skip
POSES: Mapping[str, Pose] = {
    "stand": {},
    "stand_at_ease": {"hip_abd": 9, "hip_twist": -12, "roll": -3, "side": 5, "knee_l": 12},
    "hands_on_hips": {"shoulder_abd": 42, "shoulder_flex": -22, "shoulder_twist": 60, "elbow": 95},
    "hands_behind": {"shoulder_flex": -28, "shoulder_abd": 8, "shoulder_twist": 60, "elbow": 45},
    "arms_crossed": {"shoulder_flex": 28, "shoulder_abd": 5, "shoulder_twist": 62, "elbow": 100},
    "arms_up": {"shoulder_flex": 168, "shoulder_abd": 8, "elbow": 12, "nod": -15},
    "arms_wide": {"shoulder_abd": 92, "elbow": 8},
    "hands_up": {"shoulder_abd": 80, "shoulder_twist": -78, "elbow": 95},
    "hands_on_head": {"shoulder_abd": 95, "shoulder_twist": -80, "elbow": 138, "bend": -5},
    "phone": {"shoulder_flex_l": 25, "shoulder_abd_l": 20, "elbow_l": 140, "tilt": 8, "nod": 5},
    "read": {"shoulder_flex": 35, "elbow": 85, "shoulder_twist": 22, "nod": 30},
    "point": {"shoulder_flex_l": 88, "elbow_l": 4, "look": 15, "twist": -8},
    "wave_in": {"shoulder_abd_l": 88, "shoulder_twist_l": -80, "elbow_l": 112},
    "wave_out": {"shoulder_abd_l": 92, "shoulder_twist_l": -80, "elbow_l": 62},
    "clap_open": {"shoulder_flex": 62, "shoulder_abd": 30, "elbow": 45},
    "clap_shut": {"shoulder_flex": 62, "shoulder_abd": -12, "elbow": 45, "shoulder_twist": 20},
    "reach_up": {
        "shoulder_flex_l": 170, "elbow_l": 5, "side": -12, "sole": -35, "nod": -25,
        "shoulder_abd_r": 20,
    },
    "reach_forward": {
        "shoulder_flex": 95, "elbow": 12, "lean": 28, "hip_flex": 34, "bend": 15, "knee": 10,
    },
    "reach_floor": {
        "lean": 62, "hip_flex": 78, "knee": 32, "bend": 45, "shoulder_flex": 105, "elbow": 10,
    },
    "bow": {"lean": 48, "hip_flex": 52, "bend": 25, "nod": 15, "shoulder_flex": 25},
    "half_crouch": {
        "lean": 28, "hip_flex": 72, "knee": 82, "bend": 18, "shoulder_flex": 20, "elbow": 45,
    },
    "crouch": {
        "lean": 18, "hip_flex": 118, "knee": 138, "bend": 35, "shoulder_flex": 55, "elbow": 50,
        "hip_abd": 14, "hip_twist": -14,
    },
    "squat": {
        "lean": 30, "hip_flex": 108, "knee": 108, "hip_abd": 16, "hip_twist": -18,
        "shoulder_flex": 92, "elbow": 8, "bend": 8, "nod": -20,
    },
    "lunge": {
        "hip_flex_l": 82, "knee_l": 88, "hip_flex_r": -18, "knee_r": 38, "sole_r": -45,
        "shoulder_abd": 20, "elbow": 40, "lean": 5,
    },
    "kneel": {
        "hip_flex": 8, "knee": 98, "sole": -75, "shoulder_flex": 15, "elbow": 40, "hip_abd": 8,
    },
    "kneel_on_one": {
        "hip_flex_l": 96, "knee_l": 98, "hip_flex_r": 2, "knee_r": 92, "sole_r": -50, "lean": 6,
        "bend": 12, "shoulder_flex_l": 45, "elbow_l": 60, "elbow_r": 40,
    },
    "tie_shoe": {
        "hip_flex_l": 112, "knee_l": 100, "hip_flex_r": 22, "knee_r": 100, "sole_r": -50,
        "lean": 28, "bend": 48, "nod": 15, "shoulder_flex": 82, "elbow": 15,
    },
    "all_fours": {
        "lean": 80, "hip_flex": 80, "knee": 88, "sole": -75, "shoulder_flex": 84, "elbow": 6,
        "nod": -30, "shoulder_twist": -10, "wrist": -10,
    },
    "plank": {
        "lean": 71, "hip_flex": 2, "knee": 3, "sole": -68, "shoulder_flex": 76, "elbow": 4,
        "nod": -25,
    },
    "plank_low": {
        "lean": 84, "hip_flex": 2, "knee": 3, "sole": -80, "shoulder_flex": 22, "elbow": 105,
        "shoulder_abd": 40, "nod": -25,
    },
    "sit_floor": {
        "lean": -22, "hip_flex": 62, "knee": 14, "bend": 14, "shoulder_flex": -38,
        "shoulder_abd": 22, "elbow": 12, "shoulder_twist": -30, "hip_abd": 10,
    },
    "sit_knees_up": {
        "lean": -16, "hip_flex": 112, "knee": 118, "bend": 35, "shoulder_flex": 68, "elbow": 42,
        "nod": 10, "hip_abd": 8,
    },
    "sit_crossed": {
        "lean": -10, "hip_flex": 88, "hip_abd": 48, "hip_twist": -35, "knee": 132, "bend": 18,
        "shoulder_flex": 30, "shoulder_abd": 28, "elbow": 40,
    },
    "lie_back": {
        "lean": -88, "shoulder_abd": 35, "hip_abd": 9, "elbow": 22, "hip_twist": -20, "sole": 20,
    },
    "lie_knees_up": {"lean": -88, "hip_flex": 48, "knee": 92, "shoulder_abd": 70, "elbow": 60},
    "lie_side": {
        "roll": 86, "hip_flex": 48, "knee": 65, "shoulder_flex_l": 60, "shoulder_flex_r": 110,
        "elbow": 75, "bend": 15, "tilt": 12, "hip_abd": 0,
    },
    "lie_front": {
        "lean": 90, "shoulder_flex": 140, "shoulder_abd": 30, "elbow": 70, "look": 60, "sole": -80,
        "shoulder_twist": -30,
    },
    "balance": {
        "lean": 62, "hip_flex_l": 62, "hip_flex_r": -12, "knee_r": 8, "nod": -35,
        "shoulder_abd": 88,
    },
    "knee_up": {
        "hip_flex_l": 102, "knee_l": 105, "shoulder_flex_r": 45, "elbow_r": 80,
        "shoulder_flex_l": -25, "elbow_l": 60,
    },
    "kick_back": {
        "hip_flex_l": -24, "knee_l": 88, "lean": 12, "hip_flex_r": 22, "knee_r": 14,
        "shoulder_abd": 38, "shoulder_flex_r": -20, "shoulder_flex_l": 35, "twist": 12, "elbow": 35,
    },
    "kick_high": {
        "hip_flex_l": 92, "knee_l": 10, "lean": -14, "hip_flex_r": -10, "knee_r": 10, "bend": 12,
        "shoulder_abd": 55, "shoulder_flex_r": 40, "elbow": 30, "twist": -15, "sole_l": -20,
    },
    "kick_side": {
        "roll": -32, "hip_abd_l": 58, "hip_abd_r": -15, "side": -10, "knee_l": 6, "elbow": 100,
        "shoulder_flex": 40, "hip_flex_l": 20,
    },
    "guard": {
        "shoulder_flex": 48, "elbow": 128, "shoulder_twist": 8, "knee": 22, "hip_flex": 22,
        "hip_flex_l": 34, "hip_flex_r": 4, "lean": 6, "bend": 10, "hip_abd": 10,
    },
    "punch": {
        "shoulder_flex_l": 92, "shoulder_abd_l": -8, "elbow_l": 4, "shoulder_flex_r": 45,
        "elbow_r": 130, "twist": -30, "hip_flex_l": 38, "knee_l": 30, "hip_flex_r": -8,
        "knee_r": 16, "sole_r": -25, "lean": 10,
    },
    "cross": {
        "shoulder_flex_r": 92, "shoulder_abd_r": -8, "elbow_r": 4, "shoulder_flex_l": 45,
        "elbow_l": 130, "twist": 34, "hip_flex_l": 40, "knee_l": 34, "hip_flex_r": -6,
        "knee_r": 16, "sole_r": -40, "lean": 12,
    },
    "throw_back": {
        "shoulder_abd_l": 98, "shoulder_twist_l": -84, "elbow_l": 92, "twist": 38, "side": 8,
        "hip_flex_r": 40, "knee_r": 35, "hip_flex_l": -14, "knee_l": 22, "sole_l": -15,
        "shoulder_flex_r": 75, "elbow_r": 20,
    },
    "throw_release": {
        "shoulder_flex_l": 135, "elbow_l": 28, "twist": -18, "bend": 18, "lean": 12,
        "hip_flex_r": 44, "knee_r": 30, "hip_flex_l": -16, "knee_l": 24, "sole_l": -40,
        "shoulder_flex_r": -20, "elbow_r": 60,
    },
    "throw_end": {
        "shoulder_flex_l": 50, "shoulder_abd_l": -28, "elbow_l": 22, "twist": -36, "bend": 35,
        "lean": 24, "hip_flex_r": 58, "knee_r": 42, "hip_flex_l": 10, "knee_l": 40, "sole_l": -50,
    },
    "swing_back": {
        "twist": 38, "yaw": 25, "shoulder_flex_l": 60, "shoulder_abd_l": 40, "shoulder_flex_r": 80,
        "shoulder_abd_r": -35, "elbow": 20, "knee": 20, "hip_flex": 24, "lean": 10, "hip_abd": 12,
    },
    "swing_through": {
        "twist": -38, "yaw": -40, "shoulder_flex_r": 110, "shoulder_abd_r": 30,
        "shoulder_flex_l": 120, "shoulder_abd_l": -35, "elbow": 40, "knee": 14, "hip_flex": 14,
        "hip_abd": 12, "sole_l": -30,
    },
    "stretch_side": {
        "side": -28, "roll": -6, "shoulder_abd_l": 160, "shoulder_abd_r": 25, "hip_abd": 16,
        "tilt": -10,
    },
    "twist_round": {
        "twist": 38, "look": 45, "shoulder_flex": 60, "shoulder_abd": 20, "elbow": 80,
        "hip_abd": 10,
    },
    "dance_low": {
        "knee": 48, "hip_flex": 44, "lean": 8, "roll": 6, "side": -14, "shoulder_abd_l": 115,
        "elbow_l": 40, "shoulder_flex_r": 60, "elbow_r": 100, "hip_abd": 14, "look": 25,
    },
    "dance_high": {
        "sole": -30, "shoulder_flex_l": 165, "elbow_l": 30, "shoulder_abd_r": 80, "elbow_r": 60,
        "hip_abd_l": 24, "roll": -8, "side": 12, "twist": 20,
    },
    "jump_ready": {
        "lean": 34, "hip_flex": 88, "knee": 92, "bend": 12, "shoulder_flex": -42, "elbow": 12,
    },
    "take_off": {"sole": -50, "knee": 5, "hip_flex": 0, "shoulder_flex": 150, "elbow": 15},
    "tuck": {"hip_flex": 105, "knee": 118, "bend": 22, "shoulder_flex": 75, "elbow": 45},
    "star": {"hip_abd": 38, "shoulder_abd": 125, "elbow": 6, "sole": -30, "bend": -10},
    "split": {
        "hip_flex_l": 75, "hip_flex_r": -25, "knee_l": 12, "knee_r": 22, "shoulder_abd": 90,
        "sole": -50,
    },
    "touch_down": {"sole": -18, "knee": 24, "hip_flex": 24, "shoulder_flex": 45, "elbow": 30},
    "jack_open": {"hip_abd": 24, "shoulder_abd": 155, "elbow": 14, "sole": -12},
    "wheel_start": {
        "hip_abd": 24, "shoulder_abd": 155, "elbow": 6, "roll": 0, "shoulder_twist": -30,
    },
    "wheel_down": {
        "hip_abd": 50, "shoulder_abd": 162, "elbow": 6, "roll": 100, "knee_r": 10, "side": 10,
    },
    "wheel_over": {"hip_abd": 55, "shoulder_abd": 165, "elbow": 4, "roll": 180, "nod": -20},
    "wheel_up": {"hip_abd": 50, "shoulder_abd": 162, "elbow": 6, "roll": 265, "side": -10},
    "wheel_end": {"hip_abd": 24, "shoulder_abd": 150, "elbow": 6, "roll": 360},
    "handstand": {
        "lean": 180, "shoulder_flex": 174, "elbow": 2, "nod": -30, "hip_flex": 0, "knee": 2,
        "sole": 0,
    },
    "handstand_split": {
        "lean": 172, "shoulder_flex": 172, "elbow": 2, "nod": -30, "hip_flex_l": 60,
        "hip_flex_r": -22, "knee_l": 20, "knee_r": 10,
    },
    "turn_quarter": {"yaw": 120, "knee_l": 38, "hip_flex_l": 20, "shoulder_abd": 55, "elbow": 45},
    "turn_half": {"yaw": 240, "knee_l": 60, "hip_flex_l": 42, "shoulder_abd": 70, "elbow": 60},
    "turn_whole": {"yaw": 360, "shoulder_abd": 35},
    "walk_contact": {
        "hip_flex_l": 26, "knee_l": 3, "sole_l": 18, "hip_flex_r": -14, "knee_r": 20,
        "sole_r": -24, "shoulder_flex_l": -22, "shoulder_flex_r": 22, "elbow_r": 26, "twist": -5,
        "lean": 2,
    },
    "walk_loaded": {
        "hip_flex_l": 22, "knee_l": 17, "hip_flex_r": -6, "knee_r": 48, "sole_r": -48,
        "shoulder_flex_l": -16, "shoulder_flex_r": 16, "lean": 2,
    },
    "walk_passing": {
        "hip_flex_l": 4, "knee_l": 6, "hip_flex_r": 24, "knee_r": 62, "sole_r": -12,
        "lean": 2,
    },
    "walk_swing": {
        "hip_flex_l": -8, "knee_l": 4, "sole_l": -8, "hip_flex_r": 32, "knee_r": 28, "sole_r": 8,
        "shoulder_flex_l": 14, "shoulder_flex_r": -14, "lean": 2,
    },
    "run_contact": {
        "hip_flex_l": 38, "knee_l": 22, "hip_flex_r": -2, "knee_r": 88, "sole_r": -50, "lean": 9,
        "shoulder_flex_l": -38, "shoulder_flex_r": 28, "elbow": 92, "twist": -9,
    },
    "run_passing": {
        "hip_flex_l": 26, "knee_l": 42, "hip_flex_r": 38, "knee_r": 115, "sole_r": -30, "lean": 10,
        "elbow": 90,
    },
    "run_push": {
        "hip_flex_l": -16, "knee_l": 14, "sole_l": -42, "hip_flex_r": 62, "knee_r": 92, "lean": 11,
        "shoulder_flex_l": 34, "shoulder_flex_r": -38, "elbow": 92, "twist": 9,
    },
    "sneak": {
        "lean": 32, "hip_flex_l": 85, "knee_l": 80, "hip_flex_r": 34, "knee_r": 62, "sole_r": -22,
        "bend": 25, "shoulder_flex": 35, "elbow": 90, "nod": -15,
    },
    "sneak_passing": {
        "lean": 32, "hip_flex_l": 62, "knee_l": 60, "hip_flex_r": 96, "knee_r": 112,
        "bend": 25, "shoulder_flex": 30, "elbow": 85, "nod": -15,
    },
}  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""What GENIMA's authors report for RLBench, to stand beside one's own numbers.

Shridhar, Lo, James: Generative Image as Action Models, CoRL 2024 (arXiv:2407.07875), Table 1:
25 tasks of RLBench in CoppeliaSim, 25 demonstrations each, mean of 50 episodes with each of three
checkpoints.
"""

from collections.abc import Mapping
from types import MappingProxyType

CITATION = "Shridhar, Lo, James: Generative Image as Action Models, CoRL 2024, Table 1"

#: Success rate of GENIMA at each task.
GENIMA: Mapping[str, float] = MappingProxyType(
    {
        "basketball_in_hoop": 0.500,
        "insert_usb_in_computer": 0.260,
        "move_hanger": 0.940,
        "open_box": 0.793,
        "open_door": 0.853,
        "open_drawer": 0.773,
        "open_grill": 0.487,
        "open_microwave": 0.467,
        "open_washing_machine": 0.460,
        "open_window": 0.693,
        "phone_on_base": 0.187,
        "pick_up_cup": 0.360,
        "play_jenga": 0.900,
        "press_switch": 0.727,
        "push_button": 0.767,
        "put_books_on_bookshelf": 0.147,
        "put_knife_on_chopping_board": 0.127,
        "put_rubbish_in_bin": 0.267,
        "scoop_with_spatula": 0.113,
        "slide_block_to_target": 0.127,
        "take_lid_off_saucepan": 0.480,
        "take_plate_off_colored_dish_rack": 0.213,
        "toilet_seat_up": 0.933,
        "lamp_on": 0.120,
        "turn_tap": 0.713,
    }
)
#: Mean success rates over the 25 tasks.
MEANS: Mapping[str, float] = MappingProxyType(
    {
        "GENIMA": 0.496,
        "ACT": 0.396,
        "SuSIE": 0.218,
        "Diffusion Policy": 0.029,
        "3D Diffuser Actor": 0.738,
    }
)

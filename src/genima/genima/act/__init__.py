# SPDX-License-Identifier: Apache-2.0
"""The learned controller: ACT, which turns a drawn tile into a chunk of joint positions.

After Zhao et al., "Learning Fine-Grained Bimanual Manipulation" (RSS 2023), with the changes of
the GENIMA paper: one small backbone for all cameras, FiLM by the instruction, a gripper logit.
"""

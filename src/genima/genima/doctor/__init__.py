# SPDX-License-Identifier: Apache-2.0
"""What this computer lacks: one check after the other, each with a sentence that says what to do.

A check is a function of a `Computer` and of what is `Intended` that yields findings; each has a
file of its own, and `areas.py` says which belong together. It looks, and changes nothing.
"""

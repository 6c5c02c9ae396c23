# SPDX-License-Identifier: Apache-2.0
"""Runs the command line by `python -m genima.cli`."""

from genima.cli.app import main

main()

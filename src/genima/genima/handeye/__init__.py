# SPDX-License-Identifier: Apache-2.0
"""Where a camera is: found from images of a printed board, checked on images of the arm."""

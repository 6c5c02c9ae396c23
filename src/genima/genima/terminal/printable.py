# SPDX-License-Identifier: Apache-2.0
"""Text of others that a terminal may be given."""


def printable(text: str) -> str:
    """Without the characters that would move the cursor or do worse to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)

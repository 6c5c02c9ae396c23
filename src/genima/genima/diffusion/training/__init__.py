# SPDX-License-Identifier: Apache-2.0
"""Trains models that draw targets."""

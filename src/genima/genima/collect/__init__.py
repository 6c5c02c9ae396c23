# SPDX-License-Identifier: Apache-2.0
"""Expert demonstrations from a simulated world, straight into the training format."""

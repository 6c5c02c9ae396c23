# SPDX-License-Identifier: Apache-2.0
"""A follower arm that does what a leader does, joint by joint."""

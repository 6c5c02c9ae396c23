# SPDX-License-Identifier: Apache-2.0
"""`genima approve`: shows the operator what the controller wants to do, and takes the answer."""

# SPDX-License-Identifier: Apache-2.0 OR BUSL-1.1

print(1)

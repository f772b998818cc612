# SPDX-FileCopyrightText: 2024 Example Inc.
# SPDX-License-Identifier: BUSL-1.1

print('engine')

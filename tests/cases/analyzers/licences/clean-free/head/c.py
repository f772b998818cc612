# The Business Source License is not one of ours.
NAME = 'SPDX-License-Identifier: BUSL-1.1'
TEXT = 'licensed under the Elastic License'

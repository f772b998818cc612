// Copyright (c) Example Inc.
// SPDX-License-Identifier: BUSL-1.1

package a

// SPDX-License-Identifier: CC-BY-NC-SA-4.0

package draw

/* This is free software; you can redistribute it under the terms of
 * the GNU General Public License, version 2 or any later version. */

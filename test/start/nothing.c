/* SPDX-License-Identifier: MIT
 *
 * A library to preload that has nothing in it: what the loader does for it, it does for any. */
extern const int nothing;
const int nothing = 0;

/* SPDX-License-Identifier: MIT
 *
 * An object whose constructor waits for the program that loads it. */
void wait_for_host(void);

__attribute__((constructor)) static void start(void) {
    wait_for_host();
}

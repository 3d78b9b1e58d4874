/* SPDX-License-Identifier: MIT
 *
 * Probes for tracers (USDT): a nop each, on slow paths only, and a note in the library that says where it is
 * and where its arguments are. Without the header that makes them they are nothing. doc/TRACING.md has them
 * all. */
#ifndef FREEHOLD_PROBE_H
#define FREEHOLD_PROBE_H

#if __has_include(<sys/sdt.h>) && !defined(FREEHOLD_SANITIZED)
#include <sys/sdt.h>

#define probe1(name, a)       STAP_PROBE1(freehold, name, a)
#define probe2(name, a, b)    STAP_PROBE2(freehold, name, a, b)
#define probe3(name, a, b, c) STAP_PROBE3(freehold, name, a, b, c)
#else
#define probe1(name, a)       ((void)(a))
#define probe2(name, a, b)    ((void)(a), (void)(b))
#define probe3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif

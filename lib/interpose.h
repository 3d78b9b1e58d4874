/* SPDX-License-Identifier: MIT
 *
 * The C library's and the C++ runtime's names, as second names of our functions. A sanitizer build leaves
 * them to the sanitizer. */
#ifndef FREEHOLD_INTERPOSE_H
#define FREEHOLD_INTERPOSE_H

#ifdef FREEHOLD_SANITIZED
#define INTERPOSE_AS(type, name, target, parameters)
#else
#define INTERPOSE_AS(type, name, target, parameters)                                                         \
    extern __attribute__((visibility("default"), alias(#target))) type name parameters;
#endif

#define INTERPOSE(type, name, parameters) INTERPOSE_AS(type, name, fh_##name, parameters)

#endif

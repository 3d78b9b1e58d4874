/* SPDX-License-Identifier: MIT
 *
 * The housekeeper: a thread that gives back what decays while the threads of the program do something else,
 * or sleep. It is there in processes that have made a thread themselves, and sleeps without a time-out while
 * nothing decays. Nothing relies on it: without one, the slow paths do its work in small slices. Model:
 * tsan/model/housekeeper.pml. */
#ifndef FREEHOLD_HOUSEKEEPER_H
#define FREEHOLD_HOUSEKEEPER_H

#include <pthread.h>

typedef int (*thread_create)(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                             void *argument);

/* Starts it if there is none, by the C library's pthread_create. errno is kept. */
void housekeeper_start(thread_create create);

/* Lets it be started. Called by the constructor, in the main thread, when the options are known. */
void housekeeper_allow(void);

/* The thread ends. If it is the main one, the process may end with the last thread of the program, which the
 * housekeeper is not: so it ends first. */
void housekeeper_leave(void);

/* In the child of a fork, which has none. */
void housekeeper_after_fork(void);

#endif

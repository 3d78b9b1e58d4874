/* SPDX-License-Identifier: MIT */
#include "timeline.h"

/* When the table is full, every second sample is dropped and the interval doubles. */
enum { SAMPLES_MAX = 8192 };

static struct {
    double elapsed;
    uint64_t rss_kib;
} samples[SAMPLES_MAX];
static size_t count;
static double interval = 0.05;

void timeline_sample(double elapsed) {
    if (count > 0 && elapsed < samples[count - 1].elapsed + interval) {
        return;
    }
    if (count == SAMPLES_MAX) {
        for (size_t i = 0; i < SAMPLES_MAX / 2; i++) {
            samples[i] = samples[2 * i];
        }
        count = SAMPLES_MAX / 2;
        interval *= 2;
    }
    samples[count].elapsed = elapsed;
    samples[count++].rss_kib = stress_rss_kib();
}

static uint64_t peak_kib(double from, double to) {
    uint64_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].elapsed >= from && samples[i].elapsed <= to && samples[i].rss_kib > peak) {
            peak = samples[i].rss_kib;
        }
    }
    return peak;
}

/* At least two intervals, so that a sample is in it. */
static double window(void) {
    return stress.elapsed < 10 * interval ? 2 * interval : stress.elapsed < 300 ? stress.elapsed / 5 : 60;
}

uint64_t timeline_first_kib(void) {
    return peak_kib(0, window());
}

uint64_t timeline_last_kib(void) {
    return peak_kib(stress.elapsed - window(), stress.elapsed + window());
}

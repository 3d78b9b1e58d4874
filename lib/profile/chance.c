/* SPDX-License-Identifier: MIT */
#include "chance.h"

#include "../random.h"

#define LN_2          0.69314718055994530942
#define SQRT_2        1.41421356237309504880
#define LOG_TERMS     19   /* the largest odd power of the series */
#define EXP_TERMS     16   /* the largest power of the series */
#define SMALL         1e-4 /* below it, 1 - exp(-x) would lose digits */
#define NEVER_LESS    60   /* halvings after which exp(-x) is nothing beside 1 */
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define RANDOM_BITS   48 /* that random_next gives */

union number {
    double value;
    uint64_t bits;
};

/* The natural logarithm of a normal positive number: m * 2^e, m near 1, by the series of artanh. */
static double logarithm(double x) {
    union number m = {.value = x};
    int64_t e = (int64_t)(m.bits >> MANTISSA_BITS) - EXPONENT_BIAS;
    m.bits = (m.bits & ((1ul << MANTISSA_BITS) - 1)) | (uint64_t)EXPONENT_BIAS << MANTISSA_BITS;
    if (m.value > SQRT_2) {
        m.value /= 2;
        e++;
    }
    double z = (m.value - 1) / (m.value + 1), sum = 0;
    for (int power = LOG_TERMS; power > 0; power -= 2)
        sum = sum * z * z + 1.0 / power;
    return (double)e * LN_2 + 2 * z * sum;
}

double chance_uniform(uint64_t *seed) {
    uint64_t bits = random_next(seed) & ((1ul << RANDOM_BITS) - 1);
    return ((double)bits + 0.5) / (double)(1ul << RANDOM_BITS);
}

double chance_draw(uint64_t *seed) {
    return -logarithm(chance_uniform(seed));
}

double chance_of(double x) {
    if (x < SMALL)
        return x * (1 - x / 2 * (1 - x / 3));
    if (x > NEVER_LESS * LN_2)
        return 1;
    uint64_t halvings = (uint64_t)(x / LN_2 + 0.5);
    double rest = x - (double)halvings * LN_2, sum = 1;
    for (int power = EXP_TERMS; power > 0; power--)
        sum = 1 - rest / power * sum;
    return 1 - sum / (double)(1ul << halvings);
}

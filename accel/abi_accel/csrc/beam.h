/* The best of what was found: 64-bit keys in ascending order, best first.
 *
 * A key is the score, made to sort best first, then the row, then whether it was expanded; as in
 * abi/kernels/_graph_walk.py.
 */
#ifndef ABI_BEAM_H
#define ABI_BEAM_H

#include "simd.h"

#define EMPTY INT64_MAX /* sorts last, and counts as expanded */

INLINE int64_t key_of(float score, int32_t row) {
    int32_t bits;
    score += 0.0f; /* no -0 */
    __builtin_memcpy(&bits, &score, 4);
    int32_t order = bits ^ ((bits >> 31) & INT32_MAX);
    return (int64_t)((uint64_t)(uint32_t)~order << 32 | (uint32_t)row << 1);
}

INLINE int32_t row_in(int64_t key) { return (int32_t)((uint64_t)key >> 1 & INT32_MAX); }

INLINE float score_in(int64_t key) {
    int32_t order = ~(int32_t)(key >> 32);
    int32_t bits = order ^ ((order >> 31) & INT32_MAX);
    float score;
    __builtin_memcpy(&score, &bits, 4);
    return score;
}

struct beam {
    int64_t *keys;
    size_t size;
    size_t next; /* all before it are expanded */
};

static void beam_clear(struct beam *b) {
    for (size_t i = 0; i < b->size; i++) b->keys[i] = EMPTY;
    b->next = 0;
}

INLINE int64_t beam_last(const struct beam *b) { return b->keys[b->size - 1]; }

/* Put a key in its place, if it is better than the last, which goes. */
INLINE int beam_put(struct beam *b, int64_t key) {
    if (key >= beam_last(b)) return 0;
    size_t at = 0, n = b->size;
    while (n > 1) {
        size_t half = n / 2;
        at += b->keys[at + half - 1] < key ? half : 0;
        n -= half;
    }
    at += b->keys[at] < key;
    __builtin_memmove(b->keys + at + 1, b->keys + at, (b->size - 1 - at) * sizeof key);
    b->keys[at] = key;
    if (at < b->next) b->next = at;
    return 1;
}

/* Where the best is that was not expanded; the size if all were. */
INLINE size_t beam_fresh(struct beam *b) {
    while (b->next < b->size && (b->keys[b->next] & 1)) b->next++;
    return b->next;
}

#endif

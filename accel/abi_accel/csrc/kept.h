/* The m best keys of many (beam.h): gathered unordered, and halved whenever there is no room. */
#ifndef ABI_KEPT_H
#define ABI_KEPT_H

#include "beam.h"

struct kept {
    int64_t *keys; /* room for 2 m */
    size_t n, m;
    float worst; /* the score below which nothing is among the m best */
};

/* Bring the m smallest of n different keys to the front; without branches on what they are. */
static void select_keys(int64_t *keys, size_t n, size_t m) {
    size_t low = 0, high = n; /* what is before `low` is among the m, what is from `high` on is not */
    while (high - low > 1) {
        const int64_t a = keys[low], b = keys[low + (high - low) / 2], c = keys[high - 1];
        const int64_t least = a < b ? a : b, most = a < b ? b : a;
        const int64_t pivot = c < least ? least : c > most ? most : c;
        size_t to = low;
        for (size_t i = low; i < high; i++) {
            const int64_t key = keys[i];
            keys[i] = keys[to];
            keys[to] = key;
            to += key <= pivot;
        }
        if (to == high) { /* the pivot is the largest: it goes last, and is done */
            for (size_t i = low; i < high; i++)
                if (keys[i] == pivot) keys[i] = keys[high - 1], keys[high - 1] = pivot;
            if (--high <= m) return;
        } else if (to >= m) {
            high = to;
            if (to == m) return;
        } else {
            low = to;
        }
    }
}

/* Ascending. */
static void sort_keys(int64_t *keys, size_t n) {
    static const size_t gaps[] = {3548, 1577, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t gap = gaps[g], i = gap; i < n; i++) {
            const int64_t key = keys[i];
            size_t j = i;
            for (; j >= gap && keys[j - gap] > key; j -= gap) keys[j] = keys[j - gap];
            keys[j] = key;
        }
}

/* Let go of all but the m best. */
static void kept_trim(struct kept *k) {
    if (k->n <= k->m) return;
    select_keys(k->keys, k->n, k->m);
    k->n = k->m;
    int64_t last = k->keys[0];
    for (size_t i = 1; i < k->m; i++) last = k->keys[i] > last ? k->keys[i] : last;
    k->worst = score_in(last);
}

INLINE void kept_add(struct kept *k, int64_t key) {
    k->keys[k->n++] = key;
    if (k->n == 2 * k->m) kept_trim(k);
}

/* Bits of the lanes that are not below a number. */
INLINE uint32_t lanes_from(f32x16 v, float least) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)v, _mm512_set1_ps(least), _CMP_GE_OQ);
#else
    const i32x16 good = (i32x16)(v >= splat(least));
    uint32_t bits = 0;
    if (__builtin_reduce_or(good))
        for (int i = 0; i < 16; i++) bits |= (uint32_t)(good[i] & 1) << i;
    return bits;
#endif
}

/* Add what may be among the best of n rows with their scores. */
INLINE void kept_offer(struct kept *k, const int32_t *rows, const float *scores, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        uint32_t good = lanes_from(load_some(scores + i, n - i), k->worst);
        for (; good; good &= good - 1) {
            const size_t j = i + (size_t)__builtin_ctz(good);
            if (j < n) kept_add(k, key_of(scores[j], rows[j]));
        }
    }
}

#endif

/* A piece of attention: queries of a key/value head, and their scores made weights. */
#ifndef ABI_WEIGH_H
#define ABI_WEIGH_H

#include "cache.h"

#define BLOCK 64      /* positions */
#define MOST_ROWS 64  /* of queries in a piece */
#define MOST_DIM 256  /* of a head; Python takes the reference beyond */

struct piece {
    float q[MOST_ROWS * MOST_DIM], out[MOST_ROWS * MOST_DIM];
    float k[MOST_DIM * BLOCK]; /* (head_dim, BLOCK) */
    float v[BLOCK * MOST_DIM]; /* (BLOCK, dim) */
    float scores[MOST_ROWS * BLOCK];
    float top[MOST_ROWS], total[MOST_ROWS];
    size_t at[MOST_ROWS]; /* the position of each row */
};

/* Ask for what lies at column c of the row a block further on. */
INLINE void ask(int type, const uint8_t *row, size_t row_bytes, size_t c) {
    const size_t width = type == F32 ? 4 : type == F16 ? 2 : 1;
    if (c * width % 64 == 0) __builtin_prefetch(row + BLOCK * row_bytes + c * width, 0, 0);
}

INLINE size_t padded(size_t n) { return (n + 15) & ~(size_t)15; }

/* Hide from a query at position `at` what it does not see of n positions from `from` on. */
INLINE void hide(const struct heads *h, size_t at, size_t from, size_t n, float *s) {
    size_t low = 0, high = from + n;
    if (h->causal && at + 1 < high) high = at + 1;
    if (h->causal && h->window && at + 1 > h->window) low = at + 1 - h->window;
    if (!h->causal && h->window) {
        low = at > h->window / 2 ? at - h->window / 2 : 0;
        high = at + h->window / 2 + 1 < high ? at + h->window / 2 + 1 : high;
    }
    if (low <= from && high >= from + BLOCK) return;
    const int32_t first = low > from ? (int32_t)(low - from < BLOCK ? low - from : BLOCK) : 0;
    const int32_t stop = high > from ? (int32_t)(high - from) : 0;
    i32x16 index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int j = 0; j < BLOCK; j += 16, index += 16) {
        i32x16 seen = (i32x16)(index >= first) & (i32x16)(index < stop);
        store_f32(s + j, choose(seen, load_f32(s + j), splat(-__builtin_inff())));
    }
}

/* Scores to weights: what is hidden gets none; sums so far are brought to the new maximum. */
static void weigh(const struct heads *h, struct piece *w, size_t rows, size_t from, size_t n) {
    const size_t wide = padded(h->head_dim);
    for (size_t r = 0; r < rows; r++) {
        float *s = w->scores + r * BLOCK, before = w->top[r], top;
        for (int j = 0; j < BLOCK && h->softcap > 0; j += 16)
            store_f32(s + j, tanh16(load_f32(s + j) / h->softcap) * h->softcap);
        hide(h, w->at[r], from, n, s);
        f32x16 best = splat(before), sum = splat(0);
        UNROLL for (int j = 0; j < BLOCK; j += 16) best = most(load_f32(s + j), best);
        top = most_of(best);
        if (top == -__builtin_inff()) { /* nothing is seen yet, or what is no number */
            for (int j = 0; j < BLOCK; j++) s[j] = s[j] != s[j] ? s[j] : 0;
            continue;
        }
        UNROLL for (int j = 0; j < BLOCK; j += 16) {
            f32x16 e = exp16(load_f32(s + j) - top);
            store_f32(s + j, e);
            sum += e;
        }
        if (top != before) {
            const float keep = exp16(splat(before - top))[0];
            w->total[r] *= keep;
            w->top[r] = top;
            for (size_t i = 0; i < wide; i += 16)
                store_f32(w->out + r * wide + i, load_f32(w->out + r * wide + i) * keep);
        }
        w->total[r] += sum_of(sum);
    }
}

#endif

/* Attention over the cache, in blocks of positions with a running maximum (arXiv 2205.14135).
 *
 * A piece of work is a key/value head with some tokens' queries of it. Its rows are these
 * queries. Where they are many, keys of a block are turned so that positions lie side by side;
 * few rows read keys and values where they are.
 */
#ifndef ABI_ATTENTION_H
#define ABI_ATTENTION_H

#include "cache.h"

#define BLOCK 64      /* positions */
#define MOST_ROWS 64  /* of queries in a piece */
#define FEW_ROWS 15   /* for which keys are not turned */
#define MOST_DIM 256  /* of a head; Python takes the reference beyond */

struct piece {
    float q[MOST_ROWS * MOST_DIM], out[MOST_ROWS * MOST_DIM];
    float k[MOST_DIM * BLOCK]; /* (head_dim, BLOCK) */
    float v[BLOCK * MOST_DIM]; /* (BLOCK, dim) */
    float scores[MOST_ROWS * BLOCK];
    float top[MOST_ROWS], total[MOST_ROWS];
    size_t at[MOST_ROWS]; /* the position of each row */
};

INLINE size_t padded(size_t n) { return (n + 15) & ~(size_t)15; }

static void read_block(const struct heads *h, size_t base, size_t from, size_t n,
                       struct piece *w) {
    const size_t dim = h->head_dim, wide = padded(dim);
    float row[MOST_DIM];
    for (size_t j = 0; j < BLOCK; j++) {
        if (j < n) {
            const size_t at = base + from + j;
            read_row((const uint8_t *)h->k + at * row_bytes(h->type_k, dim), h->type_k, dim, row);
            read_row((const uint8_t *)h->v + at * row_bytes(h->type_v, dim), h->type_v, dim,
                     w->v + j * wide);
        } else {
            __builtin_memset(row, 0, dim * sizeof(float));
            __builtin_memset(w->v + j * wide, 0, wide * sizeof(float));
        }
        for (size_t i = 0; i < dim; i++) w->k[i * BLOCK + j] = row[i];
    }
}

/* Scores of R rows from r on: 64 positions are four vectors. */
INLINE void score_rows(const struct heads *h, struct piece *w, size_t r, const int R) {
    const size_t wide = padded(h->head_dim);
    f32x16 acc[4 * 4] = {0};
    for (size_t i = 0; i < h->head_dim; i++) {
        f32x16 k[4];
        UNROLL for (int j = 0; j < 4; j++) k[j] = load_f32(w->k + i * BLOCK + 16 * j);
        UNROLL for (int a = 0; a < R; a++) {
            f32x16 q = splat(w->q[(r + a) * wide + i]);
            UNROLL for (int j = 0; j < 4; j++) acc[4 * a + j] = fma16(q, k[j], acc[4 * a + j]);
        }
    }
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < 4; j++)
            store_f32(w->scores + (r + a) * BLOCK + 16 * j, acc[4 * a + j]);
}

INLINE int is_seen(const struct heads *h, size_t at, size_t key) {
    if (h->causal) return key <= at && (!h->window || at - key < h->window);
    size_t far = at > key ? at - key : key - at;
    return !h->window || far <= h->window / 2;
}

/* Scores to weights: what is hidden gets none; sums so far are brought to the new maximum. */
static void weigh(const struct heads *h, struct piece *w, size_t rows, size_t from, size_t n) {
    const size_t wide = padded(h->head_dim);
    for (size_t r = 0; r < rows; r++) {
        float *s = w->scores + r * BLOCK, top = w->top[r];
        int whole = n == BLOCK && !h->window && (!h->causal || from + n - 1 <= w->at[r]);
        for (int j = 0; j < BLOCK && h->softcap > 0; j += 16)
            store_f32(s + j, tanh16(load_f32(s + j) / h->softcap) * h->softcap);
        for (size_t j = 0; j < BLOCK && !whole; j++)
            if (j >= n || !is_seen(h, w->at[r], from + j)) s[j] = -__builtin_inff();
        f32x16 best = splat(top);
        for (int j = 0; j < BLOCK; j += 16) best = most(load_f32(s + j), best);
        for (int j = 0; j < 16; j++) top = best[j] > top ? best[j] : top;
        if (top == -__builtin_inff()) { /* nothing is seen yet, or what is no number */
            for (int j = 0; j < BLOCK; j++) s[j] = s[j] != s[j] ? s[j] : 0;
            continue;
        }
        f32x16 sum = splat(0);
        for (int j = 0; j < BLOCK; j += 16) {
            f32x16 e = exp16(load_f32(s + j) - top);
            store_f32(s + j, e);
            sum += e;
        }
        float keep = exp16(splat(w->top[r] - top))[0];
        w->total[r] = w->total[r] * keep + sum_of(sum);
        w->top[r] = top;
        if (keep != 1.0f)
            for (size_t i = 0; i < wide; i += 16)
                store_f32(w->out + r * wide + i, load_f32(w->out + r * wide + i) * keep);
    }
}

/* Add the weighted values of a block to R rows, V vectors of them from column c on. */
INLINE void mix_tile(struct piece *w, size_t wide, size_t r, const int R, size_t c, const int V) {
    f32x16 acc[4 * 4];
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < V; j++)
            acc[4 * a + j] = load_f32(w->out + (r + a) * wide + c + 16 * j);
    for (size_t i = 0; i < BLOCK; i++) {
        f32x16 v[4];
        UNROLL for (int j = 0; j < V; j++) v[j] = load_f32(w->v + i * wide + c + 16 * j);
        UNROLL for (int a = 0; a < R; a++) {
            f32x16 s = splat(w->scores[(r + a) * BLOCK + i]);
            UNROLL for (int j = 0; j < V; j++) acc[4 * a + j] = fma16(s, v[j], acc[4 * a + j]);
        }
    }
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < V; j++)
            store_f32(w->out + (r + a) * wide + c + 16 * j, acc[4 * a + j]);
}

INLINE void mix_rows(struct piece *w, size_t wide, size_t r, const int R) {
    size_t c = 0;
    for (; c + 64 <= wide; c += 64) mix_tile(w, wide, r, R, c, 4);
    for (; c < wide; c += 16) mix_tile(w, wide, r, R, c, 1);
}

/* The sums of 16 vectors, which are given in the order of their reversed bits. */
INLINE f32x16 sums_of(f32x16 *a) {
    UNROLL for (int i = 0; i < 8; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20,
                                       21, 22, 23) +
               __builtin_shufflevector(a[i], a[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26,
                                       27, 28, 29, 30, 31);
    UNROLL for (int i = 0; i < 4; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19,
                                       24, 25, 26, 27) +
               __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23,
                                       28, 29, 30, 31);
    UNROLL for (int i = 0; i < 2; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21,
                                       24, 25, 28, 29) +
               __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23,
                                       26, 27, 30, 31);
    return __builtin_shufflevector(a[0], a[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26,
                                   28, 30) +
           __builtin_shufflevector(a[0], a[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27,
                                   29, 31);
}

/* Scores of few rows, 16 positions at a time; those past the last repeat it, and are hidden. */
INLINE void score_few(int type, const struct heads *h, const uint8_t *k, size_t n, size_t rows,
                      struct piece *w) {
    static const uint8_t turned[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    const size_t dim = h->head_dim, wide = padded(dim), row = row_bytes(type, dim);
    for (size_t j = 0; j < BLOCK; j += 16) {
        for (size_t r = 0; r < rows && j < n; r++) {
            f32x16 acc[16] = {0};
            for (size_t c = 0; c < dim; c += 16) {
                f32x16 q = load_f32(w->q + r * wide + c);
                UNROLL for (int i = 0; i < 16; i++) {
                    size_t at = j + i < n ? j + i : n - 1;
                    acc[turned[i]] = fma16(q, load_cached(type, k + at * row, c, dim), acc[turned[i]]);
                }
            }
            store_f32(w->scores + r * BLOCK + j, sums_of(acc));
        }
    }
}

/* Add the weighted values of n positions to few rows. */
INLINE void mix_few(int type, const struct heads *h, const uint8_t *v, size_t n, size_t rows,
                    struct piece *w) {
    const size_t dim = h->head_dim, wide = padded(dim), row = row_bytes(type, dim);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < dim; c += 16) {
            f32x16 even = load_f32(w->out + r * wide + c), odd = splat(0);
            const float *s = w->scores + r * BLOCK;
            size_t i = 0;
            for (; i + 2 <= n; i += 2) {
                even = fma16(splat(s[i]), load_cached(type, v + i * row, c, dim), even);
                odd = fma16(splat(s[i + 1]), load_cached(type, v + (i + 1) * row, c, dim), odd);
            }
            if (i < n) even = fma16(splat(s[i]), load_cached(type, v + i * row, c, dim), even);
            store_f32(w->out + r * wide + c, even + odd);
        }
}

static void attend_few(const struct heads *h, size_t base, size_t rows, size_t low, size_t high,
                       struct piece *w) {
    for (size_t from = low; from < high; from += BLOCK) {
        const size_t n = high - from < BLOCK ? high - from : BLOCK, at = base + from;
        const uint8_t *k = (const uint8_t *)h->k + at * row_bytes(h->type_k, h->head_dim);
        const uint8_t *v = (const uint8_t *)h->v + at * row_bytes(h->type_v, h->head_dim);
        switch (h->type_k) {
        case F32: score_few(F32, h, k, n, rows, w); break;
        case F16: score_few(F16, h, k, n, rows, w); break;
        case Q8_0: score_few(Q8_0, h, k, n, rows, w); break;
        default: score_few(Q4_0, h, k, n, rows, w); break;
        }
        weigh(h, w, rows, from, n);
        switch (h->type_v) {
        case F32: mix_few(F32, h, v, n, rows, w); break;
        case F16: mix_few(F16, h, v, n, rows, w); break;
        case Q8_0: mix_few(Q8_0, h, v, n, rows, w); break;
        default: mix_few(Q4_0, h, v, n, rows, w); break;
        }
    }
}

static void attend(const struct heads *h, size_t base, size_t rows, size_t low, size_t high,
                   struct piece *w) {
    const size_t wide = padded(h->head_dim);
    for (size_t from = low; from < high; from += BLOCK) {
        size_t n = high - from < BLOCK ? high - from : BLOCK, r = 0;
        read_block(h, base, from, n, w);
        for (; r + 4 <= rows; r += 4) score_rows(h, w, r, 4);
        for (; r < rows; r++) score_rows(h, w, r, 1);
        weigh(h, w, rows, from, n);
        for (r = 0; r + 4 <= rows; r += 4) mix_rows(w, wide, r, 4);
        for (; r < rows; r++) mix_rows(w, wide, r, 1);
    }
}

/* A key/value head, and tokens `first` to `first + n` of a span. */
static void one_piece(const struct program *p, const struct op *op, const struct span *span,
                      size_t head, size_t first, size_t n, struct piece *w) {
    const struct heads *h = p->heads;
    const size_t dim = h->head_dim, wide = padded(dim), group = h->n_head / h->n_head_kv;
    const size_t end = span->pos + span->stop - span->start, rows = n * group;
    for (size_t r = 0; r < rows; r++) {
        const size_t token = span->start + first + r / group, q_head = head * group + r % group;
        const float *q = p->buffers[op->a] + (token * h->n_head + q_head) * dim;
        for (size_t i = 0; i < wide; i++) w->q[r * wide + i] = i < dim ? q[i] * h->scale : 0;
        __builtin_memset(w->out + r * wide, 0, wide * sizeof(float));
        w->at[r] = span->pos + first + r / group;
        w->top[r] = h->sinks ? h->sinks[q_head] : -__builtin_inff();
        w->total[r] = h->sinks ? 1.0f : 0.0f;
    }
    size_t start = span->pos + first, stop = start + n, low = 0, high = h->causal ? stop : end;
    if (h->window && h->causal) low = start + 1 > h->window ? start + 1 - h->window : 0;
    if (h->window && !h->causal) {
        low = start > h->window / 2 ? start - h->window / 2 : 0;
        high = stop + h->window / 2 < end ? stop + h->window / 2 : end;
    }
    const size_t base = (span->slot * h->n_head_kv + head) * h->capacity;
    if (rows <= FEW_ROWS) attend_few(h, base, rows, low, high, w);
    else attend(h, base, rows, low, high, w);
    for (size_t r = 0; r < rows; r++) {
        const size_t token = span->start + first + r / group, q_head = head * group + r % group;
        float *out = p->buffers[op->out] + (token * h->n_head + q_head) * dim;
        for (size_t i = 0; i < dim; i++) out[i] = w->out[r * wide + i] / w->total[r];
    }
}

static void op_attention(struct thread *t, const struct program *p, const struct op *op,
                         int stage, struct piece *w) {
    const struct heads *h = p->heads;
    const size_t group = h->n_head / h->n_head_kv;
    size_t each = MOST_ROWS / group ? MOST_ROWS / group : 1, taken = abi_take(t, stage, 1), at = 0;
    for (size_t i = 0; i < p->n_spans; i++) {
        const struct span *span = p->spans + i;
        const size_t n = span->stop - span->start;
        for (size_t first = 0; first < n; first += each)
            for (size_t head = 0; head < h->n_head_kv; head++, at++) {
                if (at != taken) continue;
                one_piece(p, op, span, head, first, n - first < each ? n - first : each, w);
                taken = abi_take(t, stage, 1);
            }
    }
}

#endif

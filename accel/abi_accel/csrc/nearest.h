/* The nearest of some centroids for each row: 16 centroids side by side, eight rows at a time. And
 * sums of rows by groups, which centroids are made of.
 */
#ifndef ABI_NEAREST_H
#define ABI_NEAREST_H

#include "dense.h"
#include "exp.h"
#include "space.h"

#define NEAREST_ROWS 8
#define NEAREST_CHUNK 256 /* rows that a thread takes */

/* The first lane of the largest number, by the numbers of the lanes. */
INLINE int32_t first_of(f32x16 best, i32x16 which) {
    const i32x16 largest = (i32x16)(best == splat(most_of(best)));
    const int32_t found = __builtin_reduce_min((which & largest) | (~largest & INT32_MAX));
    return found == INT32_MAX ? 0 : found;
}

static void nearest_rows(const struct nearest *p, const float *const *x, int32_t *out) {
    const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    f32x16 best[NEAREST_ROWS];
    i32x16 which[NEAREST_ROWS];
    UNROLL for (int r = 0; r < NEAREST_ROWS; r++) best[r] = splat(-__builtin_inff()), which[r] = lanes;
    const float *w = p->centroids;
    for (size_t first = 0; first < p->n_centroids; first += 16) {
        f32x16 sum[NEAREST_ROWS];
        UNROLL for (int r = 0; r < NEAREST_ROWS; r++) sum[r] = -load_f32(p->offsets + first);
        for (size_t i = 0; i < p->dim; i++, w += 16) {
            const f32x16 v = load_f32(w);
            UNROLL for (int r = 0; r < NEAREST_ROWS; r++) sum[r] = fma16(v, splat(x[r][i]), sum[r]);
        }
        UNROLL for (int r = 0; r < NEAREST_ROWS; r++) {
            const i32x16 better = (i32x16)(sum[r] > best[r]);
            best[r] = choose(better, sum[r], best[r]);
            which[r] = ((lanes + (int32_t)first) & better) | (which[r] & ~better);
        }
    }
    UNROLL for (int r = 0; r < NEAREST_ROWS; r++) out[r] = first_of(best[r], which[r]);
}

static void nearest_all(struct thread *t, const void *arguments) {
    const struct nearest *p = arguments;
    for (size_t from; (from = abi_take(t, 0, NEAREST_CHUNK)) < p->n;) {
        const size_t to = from + NEAREST_CHUNK < p->n ? from + NEAREST_CHUNK : p->n;
        for (size_t row = from; row < to; row += NEAREST_ROWS) {
            const float *x[NEAREST_ROWS];
            int32_t found[NEAREST_ROWS];
            const size_t count = to - row < NEAREST_ROWS ? to - row : NEAREST_ROWS;
            for (size_t r = 0; r < NEAREST_ROWS; r++)
                x[r] = p->rows + (row + (r < count ? r : count - 1)) * p->dim;
            nearest_rows(p, x, found);
            __builtin_memcpy(p->labels + row, found, count * sizeof *found);
        }
    }
}

static void sums_all(struct thread *t, const void *arguments) {
    const struct sums *p = arguments;
    for (size_t group; (group = abi_take(t, 0, 1)) < p->n_groups;) {
        const size_t from = (size_t)p->starts[group];
        const size_t to = group + 1 < p->n_groups ? (size_t)p->starts[group + 1] : p->n;
        float *out = p->out + group * p->dim;
        for (size_t c = 0; c < p->dim; c++) out[c] = 0;
        for (size_t i = from; i < to; i++) {
            const float *row = p->rows + (size_t)p->order[i] * p->dim;
            if (i + 2 < to) expect_bytes((const uint8_t *)(p->rows + (size_t)p->order[i + 2] * p->dim), 4 * p->dim);
            for (size_t c = 0; c < p->dim; c += 16)
                store_some(out + c, load_some(out + c, p->dim - c) + load_some(row + c, p->dim - c), p->dim - c);
        }
    }
}

#endif

/* Scores of rows: float32, larger is nearer. A row's score does not depend on its neighbours. */
#ifndef ABI_SPACE_H
#define ABI_SPACE_H

#include "search.h"
#include "simd.h"

#define LINE 64    /* bytes of a cache line */
#define TOGETHER 4 /* rows that meet a query at the same time */
#define AHEAD_BYTES 768 /* of the next rows that are asked for; more keep others waiting */
#define LINE_BYTES 6144 /* of rows in line that are asked for */

/* Sums of neighbouring lanes of two vectors. */
INLINE f32x16 pairs(f32x16 a, f32x16 b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/* The sum of each of R vectors, its lanes added pair by pair. */
INLINE void sums(const f32x16 *v, const int R, float *out) {
    f32x16 a = pairs(v[0], v[R > 1]), b = R > 1 ? pairs(v[2 % R], v[3 % R]) : a;
    a = pairs(a, b);
    a = pairs(a, a);
    a = pairs(a, a);
    __builtin_memcpy(out, &a, R * sizeof(float));
}

INLINE size_t size_of(int type) { return type == ROW_F32 ? 4 : type == ROW_F16 ? 2 : 1; }

/* Up to 16 numbers of a row from c on, the others zero. */
INLINE f32x16 load_row(int type, const uint8_t *row, size_t c, size_t n) {
    const uint8_t *p = row + c * size_of(type);
    if (type == ROW_F32) return load_some((const float *)p, n);
    uint8_t part[32] = {0};
    if (n < 16) {
        __builtin_memcpy(part, p, n * size_of(type));
        p = part;
    }
    if (type == ROW_F16) return load_f16(p);
    i8x16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, f32x16);
}

/* What R rows have with a query: products, or squared distances. */
INLINE void meet_numbers(int measure, int type, const float *q, const uint8_t *const *rows,
                         size_t dim, const int R, float *out) {
    f32x16 acc[TOGETHER] = {0};
    size_t c = 0;
    for (; c + 16 <= dim; c += 16) {
        f32x16 a = load_f32(q + c);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 b = load_row(type, rows[r], c, 16);
            if (measure == BY_DISTANCE) b -= a, acc[r] = fma16(b, b, acc[r]);
            else acc[r] = fma16(a, b, acc[r]);
        }
    }
    if (c < dim) {
        f32x16 a = load_some(q + c, dim - c);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 b = load_row(type, rows[r], c, dim - c);
            if (measure == BY_DISTANCE) b -= a, acc[r] = fma16(b, b, acc[r]);
            else acc[r] = fma16(a, b, acc[r]);
        }
    }
    sums(acc, R, out);
}

/* Bits in which a row differs from a query. */
INLINE float meet_bits(const uint8_t *q, const uint8_t *row, size_t n_bytes) {
    size_t i = 0, found = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t a, b;
        __builtin_memcpy(&a, q + i, 8);
        __builtin_memcpy(&b, row + i, 8);
        found += (size_t)__builtin_popcountll(a ^ b);
    }
    for (; i < n_bytes; i++) found += (size_t)__builtin_popcount(q[i] ^ row[i]);
    return (float)found;
}

INLINE const uint8_t *row_of(const struct space *s, size_t row) { return s->rows + row * s->stride; }

INLINE void expect_bytes(const uint8_t *p, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i += LINE) __builtin_prefetch(p + i, 0, 3);
}

INLINE void expect(const struct space *s, size_t row, size_t n_bytes) {
    expect_bytes(row_of(s, row), n_bytes);
}

INLINE void score_some(int measure, int type, const struct space *s, const uint8_t *q,
                       const int32_t *rows, const int R, float *out) {
    const uint8_t *p[TOGETHER];
    UNROLL for (int r = 0; r < R; r++) p[r] = row_of(s, (size_t)rows[r]);
    if (measure == BY_BITS) {
        UNROLL for (int r = 0; r < R; r++) out[r] = -meet_bits(q, p[r], s->dim);
        return;
    }
    meet_numbers(measure, type, (const float *)q, p, s->dim, R, out);
    UNROLL for (int r = 0; r < R; r++) {
        if (measure == BY_DISTANCE) out[r] = -out[r];
        else if (s->norms) out[r] *= s->norms[rows[r]];
        if (type != ROW_F32 && s->constants) out[r] += s->constants[rows[r]];
    }
}

INLINE void score_all(int measure, int type, const struct space *s, const uint8_t *q,
                      const int32_t *rows, size_t n, int in_line, float *out) {
    size_t i = 0, bytes = measure == BY_BITS ? s->dim : size_of(type) * s->dim;
    if (!in_line && bytes > AHEAD_BYTES) bytes = AHEAD_BYTES;
    for (size_t j = 0; j < n && j < TOGETHER && !in_line; j++) expect(s, (size_t)rows[j], bytes);
    for (; i + TOGETHER <= n; i += TOGETHER) {
        if (in_line) expect_bytes(row_of(s, (size_t)rows[i]) + LINE_BYTES, TOGETHER * bytes);
        else for (size_t j = i + TOGETHER; j < n && j < i + 2 * TOGETHER; j++)
            expect(s, (size_t)rows[j], bytes);
        score_some(measure, type, s, q, rows + i, TOGETHER, out + i);
    }
    for (; i < n; i++) score_some(measure, type, s, q, rows + i, 1, out + i);
}

/* Scores of n rows, which may lie anywhere, or in line, to be read from memory. */
static void score_placed(const struct space *s, const void *q, const int32_t *rows, size_t n,
                         int in_line, float *out) {
    const int far = s->measure == BY_DISTANCE;
    if (s->measure == BY_BITS) score_all(BY_BITS, ROW_I8, s, q, rows, n, in_line, out);
    else if (s->type == ROW_I8) score_all(BY_PRODUCT, ROW_I8, s, q, rows, n, in_line, out);
    else if (s->type == ROW_F16 && far) score_all(BY_DISTANCE, ROW_F16, s, q, rows, n, in_line, out);
    else if (s->type == ROW_F16) score_all(BY_PRODUCT, ROW_F16, s, q, rows, n, in_line, out);
    else if (far) score_all(BY_DISTANCE, ROW_F32, s, q, rows, n, in_line, out);
    else score_all(BY_PRODUCT, ROW_F32, s, q, rows, n, in_line, out);
}

/* Scores of rows that may lie anywhere. */
static void score_rows(const struct space *s, const void *q, const int32_t *rows, size_t n,
                       float *out) {
    score_placed(s, q, rows, n, 0, out);
}

#endif

/* Rows of keys and values as the cache holds them: float32, float16, or ggml's blocks of 32, of 8 or
 * 4 bits a number. Blocks are made just as ggml makes them.
 */
#ifndef ABI_CACHE_H
#define ABI_CACHE_H

#include "elementwise.h"

enum { BYTES_8_0 = 34, BYTES_4_0 = 18 }; /* of a block: a float16 scale, then the codes */

INLINE size_t row_bytes(int type, size_t dim) {
    if (type == Q8_0) return dim / 32 * BYTES_8_0;
    if (type == Q4_0) return dim / 32 * BYTES_4_0;
    return dim * width_of(type);
}

INLINE float from_half(const uint8_t *p) {
    uint16_t h;
    __builtin_memcpy(&h, p, 2);
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13;
    float value;
    __builtin_memcpy(&value, &bits, 4);
    value *= 0x1p112f; /* subnormals too */
    __builtin_memcpy(&bits, &value, 4);
    if ((h & 0x7c00) == 0x7c00) bits |= 0x7f800000;
    bits |= (uint32_t)(h & 0x8000) << 16;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

/* 16 numbers of a row from column c on, a multiple of 16; those beyond dim are zero. */
INLINE f32x16 load_cached(int type, const uint8_t *row, size_t c, size_t dim) {
    if (type != Q8_0 && type != Q4_0) return load_weights(type, row, c, dim);
    const uint8_t *block = row + c / 32 * (type == Q8_0 ? BYTES_8_0 : BYTES_4_0);
    const float scale = from_half(block);
    u8x16 codes;
    __builtin_memcpy(&codes, block + 2 + (type == Q8_0 ? c % 32 : 0), 16);
    if (type == Q8_0) return __builtin_convertvector((i8x16)codes, f32x16) * scale;
    codes = c % 32 ? codes >> 4 : codes & 15;
    return __builtin_convertvector((i8x16)codes - 8, f32x16) * scale;
}

/* Infinity and NaN have no codes; their scale is what is left of them. */
INLINE float inverse_of(float scale) {
    return scale - scale == 0 && scale != 0 ? 1.0f / scale : 0;
}

INLINE void put_half(uint8_t *p, float x) {
    uint16_t bits = to_half(x);
    __builtin_memcpy(p, &bits, 2);
}

/* 32 numbers to bytes, halves away from zero. */
INLINE void write_8_0(uint8_t *block, const float *x) {
    float largest = 0;
    for (int i = 0; i < 32; i++) {
        float size = __builtin_fabsf(x[i]);
        largest = size > largest || size != size ? size : largest;
    }
    const float scale = largest / 127.0f, by = inverse_of(scale);
    put_half(block, scale);
    for (int i = 0; i < 32; i++) {
        float v = by != 0 ? x[i] * by : 0;
        v = v > 127.0f ? 127.0f : v < -127.0f ? -127.0f : v;
        int whole = (int)v;
        float rest = v - (float)whole;
        block[2 + i] = (uint8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
    }
}

/* 32 numbers to 4 bits each, the largest magnitude to 0, which stands for -8. */
INLINE void write_4_0(uint8_t *block, const float *x) {
    float largest = 0, most = 0;
    for (int i = 0; i < 32; i++)
        if (__builtin_fabsf(x[i]) > most || x[i] != x[i])
            most = __builtin_fabsf(x[i]), largest = x[i];
    const float scale = largest / -8.0f, by = inverse_of(scale);
    uint8_t codes[32];
    put_half(block, scale);
    for (int i = 0; i < 32; i++) { /* rounded once, as a fused multiplication and addition is */
        float v = by != 0 ? (float)((double)x[i] * by + 8.5) : 8.5f;
        codes[i] = (uint8_t)(v < 0 ? 0 : v > 15.0f ? 15 : (int)v);
    }
    for (int i = 0; i < 16; i++) block[2 + i] = (uint8_t)(codes[i] | codes[i + 16] << 4);
}

INLINE void write_row(uint8_t *row, int type, const float *x, size_t n) {
    uint16_t *halves = (uint16_t *)row;
    if (type == F32) __builtin_memcpy(row, x, n * sizeof(float));
    for (size_t i = 0; i < n && type == F16; i++) halves[i] = to_half(x[i]);
    for (size_t i = 0; i < n && type == Q8_0; i += 32) write_8_0(row + i / 32 * BYTES_8_0, x + i);
    for (size_t i = 0; i < n && type == Q4_0; i += 32) write_4_0(row + i / 32 * BYTES_4_0, x + i);
}

/* Keys and values to their places in the cache. */
static void op_append(struct thread *t, const struct program *p, const struct op *op) {
    const struct heads *h = p->heads;
    const size_t dim = h->head_dim;
    for (size_t i = 0; i < p->n_spans; i++) {
        const struct span *span = p->spans + i;
        size_t from, to;
        part_of(t, (span->stop - span->start) * h->n_head_kv, &from, &to);
        for (size_t j = from; j < to; j++) {
            const size_t token = j / h->n_head_kv, head = j % h->n_head_kv;
            const size_t row = (span->slot * h->n_head_kv + head) * h->capacity + span->pos + token;
            const size_t given = ((span->start + token) * h->n_head_kv + head) * dim;
            uint8_t *k = (uint8_t *)h->k + row * row_bytes(h->type_k, dim);
            uint8_t *v = (uint8_t *)h->v + row * row_bytes(h->type_v, dim);
            write_row(k, h->type_k, p->buffers[op->a] + given, dim);
            write_row(v, h->type_v, p->buffers[op->b] + given, dim);
        }
    }
}

/* Each k numbers, a power of two, by the orthonormal Hadamard matrix of that side. */
static void op_rotate(struct thread *t, const struct program *p, const struct op *op) {
    const size_t side = op->k;
    const float by = 1.0f / __builtin_sqrtf((float)side);
    size_t from, to;
    part_of(t, p->n_tokens * (op->n / side), &from, &to);
    for (size_t i = from; i < to; i++) {
        float *x = p->buffers[op->a] + i * side;
        for (size_t half = 1; half < side; half *= 2)
            for (size_t j = 0; j < side; j += 2 * half)
                for (size_t c = j; c < j + half; c++) {
                    const float a = x[c], b = x[c + half];
                    x[c] = a + b;
                    x[c + half] = a - b;
                }
        for (size_t j = 0; j < side; j++) x[j] *= by;
    }
}

#endif

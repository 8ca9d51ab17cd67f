/* Product codes of 4 bits: tables that stay in registers (Andre, Kermarrec and Le Scouarnec,
 * "Cache locality is not enough", VLDB 2015). A query's tables are rounded to bytes.
 */
#ifndef ABI_CODES_H
#define ABI_CODES_H

#include "codes_layout.h"
#include "search.h"
#include "simd.h"

#define CODES_AHEAD 2048 /* bytes */

/* A score is `times` a sum of bytes, plus `added`. */
struct measure_codes {
    float times, added;
};

/* A query's products with all words: `(m, words)`, of words that lie as `(m, width, words)`. */
static void look_ups(const struct codes *c, const float *query, float *out) {
    const size_t words = (size_t)1 << c->bits;
    const float *w = c->words;
    for (size_t j = 0; j < c->m; j++, w += c->width * words, query += c->width)
        for (size_t first = 0; first < words; first += 16, out += 16) {
            f32x16 sum = splat(0);
            for (size_t i = 0; i < c->width; i++)
                sum = fma16(splat(query[i]), load_f32(w + i * words + first), sum);
            store_f32(out, sum);
        }
}

/* Products with 16 words, `(m, 16)`, to tables of bytes. */
static struct measure_codes lay_tables(const struct codes *c, const float *lookups, uint8_t *out) {
    float widest = 0, whole = 0, least = 0;
    for (size_t j = 0; j < c->m; j++) {
        const f32x16 v = load_f32(lookups + 16 * j);
        const float low = __builtin_reduce_min(v), range = __builtin_reduce_max(v) - low;
        least += low;
        whole += range;
        widest = range > widest ? range : widest;
    }
    float scale = widest > 0 ? 255 / widest : 0;
    const float most = 65535 - 0.5f * (float)c->m; /* each step may be rounded up by a half */
    if (whole * scale > most) scale = most / whole;
    for (size_t i = 0; i < tables_size(c->m); i++) out[i] = 0;
    for (size_t j = 0; j < c->m; j++) {
        const f32x16 v = load_f32(lookups + 16 * j);
        const i32x16 steps = __builtin_convertvector(
            (v - splat(__builtin_reduce_min(v))) * splat(scale) + splat(0.5f), i32x16);
        const u8x16 bytes = __builtin_convertvector(steps, u8x16);
        /* Codes 4 g and 4 g + 2 are lower halves of bytes; each table is there twice. */
        uint8_t *at = out + j / 4 * 128 + j % 2 * 64 + j % 4 / 2 * 32;
        __builtin_memcpy(at, &bytes, 16);
        __builtin_memcpy(at + 16, &bytes, 16);
    }
    return (struct measure_codes){scale > 0 ? c->times / scale : 0, c->times * least};
}

/* Entries that 64 codes below 16 name, each of the table of 16 bytes in its own place. */
INLINE u8x64 entries(u8x64 tables, u8x64 codes) {
#if defined(__AVX512BW__)
    return (u8x64)_mm512_shuffle_epi8((__m512i)tables, (__m512i)codes);
#elif defined(__AVX2__)
    __m256i *part = (__m256i *)&codes, *table = (__m256i *)&tables;
    for (int i = 0; i < 2; i++) part[i] = _mm256_shuffle_epi8(table[i], part[i]);
    return codes;
#elif defined(__aarch64__)
    uint8x16_t *part = (uint8x16_t *)&codes, *table = (uint8x16_t *)&tables;
    for (int i = 0; i < 4; i++) part[i] = vqtbl1q_u8(table[i], part[i]);
    return codes;
#elif defined(__wasm_simd128__)
    v128_t *part = (v128_t *)&codes, *table = (v128_t *)&tables;
    for (int i = 0; i < 4; i++) part[i] = swizzled(table[i], part[i]);
    return codes;
#else
    for (int i = 0; i < 64; i++) codes[i] = tables[i / 16 * 16 + codes[i]];
    return codes;
#endif
}


/* 16 sums of 32 bits, of the halves of 32 of 16. */
INLINE f32x16 both_halves(u16x32 v) {
    u16x16 low, high;
    __builtin_memcpy(&low, &v, 32);
    __builtin_memcpy(&high, (char *)&v + 32, 32);
    return __builtin_convertvector(
        __builtin_convertvector(low, u32x16) + __builtin_convertvector(high, u32x16), f32x16);
}

/* Scores of the 32 rows of a block. */
INLINE void score_block(const struct codes *c, const uint8_t *tables, struct measure_codes by,
                        size_t block, f32x16 *out) {
    const size_t groups = groups_of_codes(c->m);
    const uint8_t *p = c->packed + block * codes_block(c->m);
    u16x32 even = {0}, odd = {0};
    for (size_t g = 0; g < groups; g++, p += 64, tables += 128) {
        const u8x64 codes = load_u8(p);
        const u16x32 low = (u16x32)entries(load_u8(tables), codes & 15);
        const u16x32 high = (u16x32)entries(load_u8(tables + 64), codes >> 4);
        __builtin_prefetch(p + CODES_AHEAD, 0, 3);
        even += low + high; /* with 256 times the odd ones, which is taken off at the end */
        odd += (low >> 8) + (high >> 8);
    }
    const f32x16 sums[2] = {both_halves(even - (odd << 8)), both_halves(odd)};
    for (int half = 0; half < 2; half++) {
        out[half] = fma16(sums[half], splat(by.times), splat(by.added));
        const size_t first = block * BLOCK_ROWS + 16 * (size_t)half;
        if (c->constants && first < c->n)
            out[half] -= load_some(c->constants + first, c->n - first);
    }
}

#endif

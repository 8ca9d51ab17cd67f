/* Products with many activations, by the matrix unit: 16 by 16 sums of a part in one instruction.
 *
 * The codes of 16 rows are expanded once to signed bytes, less their offset, in the order in
 * which the unit wants them, which is that of types.h. Sums of a part are whole numbers, the same
 * as elsewhere; they are scaled and added in float32, 16 tokens by 16 rows in registers.
 */
#ifndef ABI_AMX_H
#define ABI_AMX_H

#include "tile.h"

#if defined(__AMX_INT8__)

#define AMX_TOKENS 16 /* of a tile; scratch memory has room for whole ones */
#define AMX_FEWEST 9  /* activations from which on it is the faster way */

struct shapes {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0 to 3 are sums, 4 and 5 activations, 6 and 7 weights, of `part` columns. */
INLINE void amx_begin(int part) {
    struct shapes s __attribute__((aligned(64))) = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        s.rows[i] = i < 6 ? 16 : (uint8_t)(part / 4);
        s.row_bytes[i] = i < 4 || i > 5 ? 64 : (uint16_t)part;
    }
    _tile_loadconfig(&s);
}

INLINE void amx_end(void) { _tile_release(); }

/* 16 rows of k columns to `k / 4` vectors of signed bytes. */
INLINE void amx_expand(int type, const uint8_t *w, size_t k, uint8_t *out) {
    const struct layout l = layout_of(type);
    for (size_t b = 0; b < k / l.columns; b++, w += l.packed) {
        for (int i = 0; i < l.columns / 32; i++, out += 512) {
            u8x64 v[8];
            unpack(type, w + l.codes + i * l.step, v);
            UNROLL for (int j = 0; j < 8; j++) {
                u8x64 made = is_signed(type) ? v[j] ^ 0x80 : v[j] - (uint8_t)offset_of(type);
                __builtin_memcpy(out + 64 * j, &made, 64);
            }
        }
    }
}

/* The minima's share of a superblock: what the sums of activations are multiplied by. */
INLINE void amx_minima(int type, const uint8_t *w, const struct numbers *numbers, const int parts,
                       const float *x, const int32_t *s, f32x16 *acc) {
    f32x16 m = load_f16(w + 32), minimum[16], factor = load_f32(x) * -1.0f;
    float by[16 * AMX_TOKENS];
    UNROLL for (int j = 0; j < parts; j++) {
        minimum[j] = part_minima(type, numbers, j) * m;
        i32x16 total = (i32x16)load_u8(s + AMX_TOKENS * j);
        store_f32(by + AMX_TOKENS * j, to_f32(total) * factor);
    }
    UNROLL for (int i = 0; i < AMX_TOKENS; i++)
        UNROLL for (int j = 0; j < parts; j++)
            acc[i] = fma16(minimum[j], splat(by[AMX_TOKENS * j + i]), acc[i]);
}

/* The sums of a part, by one of two sets of tiles, so that one can wait for the other. */
INLINE void amx_sums(int set, const int8_t *q, const uint8_t *codes, int part, int32_t *sums) {
    if (set) {
        _tile_zero(1);
        _tile_loadd(5, q, part);
        _tile_loadd(7, codes, 64);
        _tile_dpbssd(1, 5, 7);
        _tile_stored(1, sums + 256, 64);
    } else {
        _tile_zero(0);
        _tile_loadd(4, q, part);
        _tile_loadd(6, codes, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_stored(0, sums, 64);
    }
}

/* Scaled sums of a part to those of 16 tokens. */
INLINE void amx_add(const int32_t *sums, f32x16 scale, const float *x, f32x16 *acc) {
    UNROLL for (int i = 0; i < AMX_TOKENS; i++) {
        i32x16 v = (i32x16)load_u8(sums + 16 * i);
        acc[i] = fma16(to_f32(v), scale * splat(x[i]), acc[i]);
    }
}

/* 16 rows by 16 rows of activations from row t on. `codes` are expanded, `sums` 2048 bytes.
 *
 * While the unit makes the sums of a part, those of the part before are scaled.
 */
INLINE void amx_tile(int type, const uint8_t *w, const uint8_t *codes, const struct rounded *a,
                     size_t t, int32_t *sums, f32x16 *acc) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part;
    const size_t blocks = a->k / l.columns, n = blocks * parts, size = 16 * l.part;
    const int8_t *q = a->q + t * a->k;
    const float *x = a->d + t * blocks;
    const int32_t *s = a->s + t * blocks * parts;
    struct numbers numbers;
    UNROLL for (int i = 0; i < AMX_TOKENS; i++) acc[i] = splat(0);
    amx_sums(0, q, codes, l.part, sums);
    for (size_t i = 0; i < n; i++) {
        const int part = (int)(i % parts);
        if (i + 1 < n) amx_sums((i + 1) & 1, q + (i + 1) * size, codes + (i + 1) * size, l.part, sums);
        if (!part) read_numbers(type, w, &numbers);
        f32x16 scale = scales_of(type, w);
        if (l.scales) scale *= part_scales(type, &numbers, part);
        amx_add(sums + (i & 1) * 256, scale, x, acc);
        if (part < parts - 1) continue;
        if (l.minima) amx_minima(type, w, &numbers, parts, x, s + (i - part) * AMX_TOKENS, acc);
        if (l.rounding == ROUND_8_1) {
            f32x16 m = load_f16(w + 32);
            const float *low = a->m + t * blocks + i * AMX_TOKENS;
            UNROLL for (int j = 0; j < AMX_TOKENS; j++) acc[j] = fma16(m, splat(low[j]), acc[j]);
        }
        w += l.packed;
        x += AMX_TOKENS;
    }
}

#endif
#endif

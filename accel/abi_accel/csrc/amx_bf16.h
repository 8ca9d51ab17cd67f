/* Tiles of numbers as sums of two bfloat16, which the matrix unit multiplies and adds in float32.
 *
 * A number is the sum of its upper and its lower bits: a float16 exactly, a float32 within 2^-17.
 * Products of uppers, and of each upper with the other's lower, are added; lower by lower is left
 * out. Tiles are 16 rows by 32 columns, zeros where there is nothing.
 */
#ifndef ABI_AMX_BF16_H
#define ABI_AMX_BF16_H

#include "amx.h"
#include "dense.h"
#include "turn.h"

#if defined(__AMX_BF16__)

#define ROUGH -1 /* uppers by uppers alone */
#define TILE_COLUMNS 32
#define TILE_BYTES 1024
#define AMX_GROUPS 4 /* of 16 rows of weights that tokens meet together */

INLINE size_t tiles_of(size_t k) { return (k + TILE_COLUMNS - 1) / TILE_COLUMNS; }

/* 32 numbers of a row as bfloat16, upper and lower. */
INLINE void divide_row(f32x16 first, f32x16 second, uint8_t *upper, uint8_t *lower) {
    u16x32 u = (u16x32)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    u16x16 low = __builtin_shufflevector(u, u, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    u16x16 high = __builtin_shufflevector(u, u, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                                          29, 30, 31);
    first -= (f32x16)(__builtin_convertvector(low, u32x16) << 16);
    second -= (f32x16)(__builtin_convertvector(high, u32x16) << 16);
    u16x32 rest = (u16x32)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    __builtin_memcpy(upper, &u, 64);
    __builtin_memcpy(lower, &rest, 64);
}

INLINE void dense_amx_begin(void) {
    struct shapes s __attribute__((aligned(64))) = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        s.rows[i] = 16;
        s.row_bytes[i] = 64;
    }
    _tile_loadconfig(&s);
}

/* Two times 16 rows of weights by two times 16 tokens, all of them one after the other. */
INLINE void dense_amx_tile(int type, const uint8_t *w, const uint8_t *x, size_t tiles,
                           float *sums) {
    const size_t next = tiles * 2 * TILE_BYTES; /* of the next 16 rows, or tokens */
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t b = 0; b < tiles; b++, w += 2 * TILE_BYTES, x += 2 * TILE_BYTES) {
        _tile_loadd(4, x, 64);
        _tile_loadd(5, x + next, 64);
        if (type == F16) {
            _tile_loadd(6, w + TILE_BYTES, 64);
            _tile_loadd(7, w + next + TILE_BYTES, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 5, 6);
            _tile_dpbf16ps(2, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_loadd(6, w, 64);
        _tile_loadd(7, w + next, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
        if (type == ROUGH) continue;
        _tile_loadd(4, x + TILE_BYTES, 64);
        _tile_loadd(5, x + next + TILE_BYTES, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
}

#endif
#endif

/* The matrix unit in plain C, so that what is written for it is tested where there is none.
 *
 * Included before a kernel's source (`-include`). What the unit would refuse ends the process.
 */
#ifndef TEST_TILES_H
#define TEST_TILES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __AMX_TILE__ 1
#define __AMX_INT8__ 1
#define __AMX_BF16__ 1

static __thread struct {
    uint8_t known;
    uint8_t rows[8];
    uint16_t bytes[8];
    uint8_t data[8][16][64];
} tiles;

static inline void tiles_need(int right) {
    if (!right) __builtin_trap();
}

static inline void tiles_config(const void *from) {
    const uint8_t *p = (const uint8_t *)from;
    tiles_need(p[0] == 1);
    memset(&tiles, 0, sizeof tiles);
    tiles.known = 1;
    for (int i = 0; i < 8; i++) {
        memcpy(&tiles.bytes[i], p + 16 + 2 * i, 2);
        tiles.rows[i] = p[48 + i];
        tiles_need(tiles.rows[i] <= 16 && tiles.bytes[i] <= 64);
    }
}

static inline void tiles_zero(int t) {
    tiles_need(tiles.known && tiles.rows[t]);
    memset(tiles.data[t], 0, sizeof tiles.data[t]);
}

static inline void tiles_load(int t, const void *from, size_t stride) {
    tiles_zero(t);
    for (int i = 0; i < tiles.rows[t]; i++)
        memcpy(tiles.data[t][i], (const uint8_t *)from + i * stride, tiles.bytes[t]);
}

static inline void tiles_store(int t, void *to, size_t stride) {
    tiles_need(tiles.known && tiles.rows[t]);
    for (int i = 0; i < tiles.rows[t]; i++)
        memcpy((uint8_t *)to + i * stride, tiles.data[t][i], tiles.bytes[t]);
}

/* c += a b: rows of c are those of a, columns those of b; four bytes of a row of a meet a row of b. */
static inline void tiles_match(int c, int a, int b) {
    tiles_need(tiles.known && c != a && c != b && a != b);
    tiles_need(tiles.rows[c] == tiles.rows[a] && tiles.bytes[c] == tiles.bytes[b]);
    tiles_need(tiles.bytes[a] == 4 * tiles.rows[b]);
}

static inline void tiles_bytes(int c, int a, int b) {
    tiles_match(c, a, b);
    for (int m = 0; m < tiles.rows[c]; m++)
        for (int n = 0; n < tiles.bytes[c] / 4; n++) {
            int32_t sum;
            memcpy(&sum, &tiles.data[c][m][4 * n], 4);
            for (int k = 0; k < tiles.bytes[a]; k++)
                sum += (int8_t)tiles.data[a][m][k] * (int8_t)tiles.data[b][k / 4][4 * n + k % 4];
            memcpy(&tiles.data[c][m][4 * n], &sum, 4);
        }
}

/* Numbers too small to be normal are taken, and made, as zero. */
static inline float tiles_flushed(float x) { return __builtin_fabsf(x) < 0x1p-126f ? x * 0 : x; }

static inline float tiles_wide(const uint8_t *p) {
    uint32_t u = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;
    memcpy(&x, &u, 4);
    return tiles_flushed(x);
}

static inline void tiles_floats(int c, int a, int b) {
    tiles_match(c, a, b);
    for (int m = 0; m < tiles.rows[c]; m++)
        for (int n = 0; n < tiles.bytes[c] / 4; n++) {
            float sum;
            memcpy(&sum, &tiles.data[c][m][4 * n], 4);
            for (int k = 0; k < tiles.bytes[a] / 2; k++) {
                float x = tiles_wide(&tiles.data[a][m][2 * k]);
                float y = tiles_wide(&tiles.data[b][k / 2][4 * n + k % 2 * 2]);
                sum = tiles_flushed(__builtin_fmaf(x, y, sum));
            }
            memcpy(&tiles.data[c][m][4 * n], &sum, 4);
        }
}

static inline void tiles_release(void) {
    tiles_need(tiles.known);
    tiles.known = 0;
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig tiles_config
#define _tile_release tiles_release
#define _tile_zero tiles_zero
#define _tile_loadd tiles_load
#define _tile_stored tiles_store
#define _tile_dpbssd tiles_bytes
#define _tile_dpbf16ps tiles_floats

#endif

/* Rows to columns. */
#ifndef ABI_TURN_H
#define ABI_TURN_H

#include "simd.h"

/* Let rows whose number has no bit S and those that have it change what lies across. */
#define LIST(...) __VA_ARGS__
#define SWAP(S, LOW, HIGH)                                                                     \
    UNROLL for (int i = 0; i < 16; i++) if (!(i & S)) {                                        \
        u32x16 a = r[i], b = r[i + S];                                                         \
        r[i] = __builtin_shufflevector(a, b, LIST LOW);                                        \
        r[i + S] = __builtin_shufflevector(a, b, LIST HIGH);                                   \
    }

/* 16 rows of 16 columns, 4 bytes each, to 16 columns of 16 rows. */
INLINE void turn(void *tile) {
    u32x16 r[16];
    __builtin_memcpy(r, tile, sizeof r);
    SWAP(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    SWAP(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27), (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    SWAP(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29), (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    SWAP(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
    __builtin_memcpy(tile, r, sizeof r);
}

#endif

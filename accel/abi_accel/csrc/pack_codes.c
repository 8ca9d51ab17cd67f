/* Product codes of 4 bits to blocks (codes_layout.h). */
#include "abi.h"
#include "codes_layout.h"

/* Rows of m / 2 bytes to blocks. */
static void pack_block(const uint8_t *codes, size_t n, size_t m, size_t block, uint8_t *out) {
    for (size_t g = 0; g < groups_of_codes(m); g++, out += 64)
        for (size_t i = 0; i < 64; i++) {
            const size_t byte = 2 * g + i / 32, row = block * BLOCK_ROWS + i % 2 * 16 + i % 32 / 2;
            out[i] = row < n && byte < m / 2 ? codes[row * (m / 2) + byte] : 0;
        }
}

EXPORT size_t abi_codes_size(size_t n, size_t m) {
    return (n + BLOCK_ROWS - 1) / BLOCK_ROWS * codes_block(m);
}

/* Rows of m / 2 bytes to blocks. */
EXPORT void abi_pack_codes(const uint8_t *codes, size_t n, size_t m, uint8_t *out) {
    for (size_t block = 0; block * BLOCK_ROWS < n; block++, out += codes_block(m))
        pack_block(codes, n, m, block, out);
}

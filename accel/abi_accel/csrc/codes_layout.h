/* How product codes of 4 bits lie: in blocks of 32 rows.
 *
 * Two bytes of each row's codes, four codes, are 64 bytes of a block: first one byte of all rows,
 * then the next; rows 0 and 16, 1 and 17 and so on lie side by side, so that sums of 16 bits come
 * out in order.
 */
#ifndef ABI_CODES_LAYOUT_H
#define ABI_CODES_LAYOUT_H

#include "simd.h"

#define BLOCK_ROWS 32

/* Groups of four codes of a row. */
INLINE size_t groups_of_codes(size_t m) { return (m + 3) / 4; }

/* Two vectors of tables for each group: of lower halves of bytes, of upper. */
INLINE size_t tables_size(size_t m) { return 128 * groups_of_codes(m); }

INLINE size_t codes_block(size_t m) { return 64 * groups_of_codes(m); }

#endif

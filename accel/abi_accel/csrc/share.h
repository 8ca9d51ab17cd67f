/* Rows of weights among threads: each has a part of its own, in pieces that follow each other, as
 * what is asked for ahead is then mostly its own too; who is done takes pieces of the others. Where
 * all is little, taking turns would last longer than the work, and parts are taken whole.
 */
#ifndef ABI_SHARE_H
#define ABI_SHARE_H

#include "abi.h"
#include "simd.h"

#define LITTLE 262144 /* weights that a thread passes in some microseconds */

/* Of n things, `unit` of which are never divided; pieces are of `step`. */
struct share {
    size_t n, unit, step, tried, at;
    int whole; /* own parts alone, without asking */
};

/* Where the part of a thread begins; of the one after the last, where all end. */
INLINE size_t part_begins(const struct share *s, size_t i, size_t count) {
    const size_t at = (s->n + s->unit - 1) / s->unit * i / count * s->unit;
    return at < s->n ? at : s->n;
}

/* No more than `most` things are given at once. */
INLINE struct share share_of(const struct thread *t, size_t n, size_t unit, size_t most,
                             size_t weights) {
    struct share s = {n, unit, (n / (t->count * 16 * unit) + 1) * unit, 0, 0, 0};
    s.whole = t->count == 1 || weights <= t->count * LITTLE;
    if (s.whole || s.step > most) s.step = most;
    s.at = part_begins(&s, t->index, t->count);
    return s;
}

/* The next of them: `from` up to `to`. */
INLINE int share_next(struct thread *t, int stage, struct share *s, size_t *from, size_t *to) {
    while (s->tried < t->count) {
        const size_t whose = (t->index + s->tried) % t->count;
        const size_t begin = part_begins(s, whose, t->count);
        const size_t end = part_begins(s, whose + 1, t->count);
        const size_t pieces = (end - begin + s->step - 1) / s->step;
        *from = s->whole ? s->at : begin + abi_claim(t, stage, whose, pieces) * s->step;
        *to = *from + s->step < end ? *from + s->step : end;
        if (*from < end) {
            s->at = *to;
            return 1;
        }
        s->tried = s->whole ? t->count : s->tried + 1;
    }
    return 0;
}

#endif

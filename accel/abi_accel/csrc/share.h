/* Rows of weights among threads: most are a thread's own, one after the other, as what is asked for
 * ahead is then its own too; the rest are taken by who is free. Where all is little, taking turns
 * would last longer than the work.
 */
#ifndef ABI_SHARE_H
#define ABI_SHARE_H

#include "abi.h"
#include "simd.h"

#define LITTLE 262144 /* weights that a thread passes in some microseconds */

/* `unit` things are never divided; no more than `most` are given at once. */
struct share {
    size_t at, end, sure, n, most, step;
};

INLINE struct share share_of(const struct thread *t, size_t n, size_t unit, size_t most,
                             size_t weights) {
    const size_t units = (n + unit - 1) / unit, count = t->count, i = t->index;
    struct share s = {0, 0, n, n, most, (units / (count * 16) + 1) * unit};
    if (s.step > most) s.step = most;
    if (weights <= count * LITTLE) {
        s.at = units * i / count * unit;
        s.end = i + 1 < count ? units * (i + 1) / count * unit : n;
        return s;
    }
    const size_t own = units / 8 * 7 / count * unit;
    s.at = own * i;
    s.end = own * (i + 1);
    s.sure = own * count;
    return s;
}

/* The next of them: `from` up to `to`. */
INLINE int share_next(struct thread *t, int stage, struct share *s, size_t *from, size_t *to) {
    if (s->at < s->end) {
        *from = s->at;
        *to = s->at = s->end - s->at > s->most ? s->at + s->most : s->end;
        return 1;
    }
    if (s->sure == s->n) return 0;
    *from = s->sure + abi_take(t, stage, s->step);
    *to = *from + s->step < s->n ? *from + s->step : s->n;
    return *from < s->n;
}

#endif

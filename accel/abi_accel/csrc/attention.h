/* Attention over the cache, in blocks of positions with a running maximum (arXiv 2205.14135).
 *
 * A piece of work is a key/value head with some tokens' queries of it. Its rows are these
 * queries. But for very few, keys of a block are turned so that positions lie side by side.
 */
#ifndef ABI_ATTENTION_H
#define ABI_ATTENTION_H

#include "attention_few.h"
#include "attention_many.h"

/* A key/value head, and tokens `first` to `first + n` of a span. */
static void one_piece(const struct program *p, const struct op *op, const struct span *span,
                      size_t head, size_t first, size_t n, struct piece *w) {
    const struct heads *h = p->heads;
    const size_t dim = h->head_dim, wide = padded(dim), group = h->n_head / h->n_head_kv;
    const size_t end = span->pos + span->stop - span->start, rows = n * group;
    for (size_t r = 0; r < rows; r++) {
        const size_t token = span->start + first + r / group, q_head = head * group + r % group;
        const float *q = p->buffers[op->a] + (token * h->n_head + q_head) * dim;
        for (size_t i = 0; i < dim; i += 16)
            store_f32(w->q + r * wide + i, load_some(q + i, dim - i) * h->scale);
        __builtin_memset(w->out + r * wide, 0, wide * sizeof(float));
        w->at[r] = span->pos + first + r / group;
        w->top[r] = h->sinks ? h->sinks[q_head] : -__builtin_inff();
        w->total[r] = h->sinks ? 1.0f : 0.0f;
    }
    size_t start = span->pos + first, stop = start + n, low = 0, high = h->causal ? stop : end;
    if (h->window && h->causal) low = start + 1 > h->window ? start + 1 - h->window : 0;
    if (h->window && !h->causal) {
        low = start > h->window / 2 ? start - h->window / 2 : 0;
        high = stop + h->window / 2 < end ? stop + h->window / 2 : end;
    }
    const size_t base = (span->slot * h->n_head_kv + head) * h->capacity;
    if (rows <= FEW_ROWS) attend_few(h, base, rows, low, high, w);
    else attend(h, base, rows, low, high, w);
    for (size_t r = 0; r < rows; r++) {
        const size_t token = span->start + first + r / group, q_head = head * group + r % group;
        float *out = p->buffers[op->out] + (token * h->n_head + q_head) * dim;
        for (size_t i = 0; i < dim; i += 16)
            store_some(out + i, load_f32(w->out + r * wide + i) / w->total[r], dim - i);
    }
}

static void op_attention(struct thread *t, const struct program *p, const struct op *op,
                         int stage, struct piece *w) {
    const struct heads *h = p->heads;
    const size_t group = h->n_head / h->n_head_kv;
    size_t each = MOST_ROWS / group ? MOST_ROWS / group : 1, taken = abi_take(t, stage, 1), at = 0;
    for (size_t i = 0; i < p->n_spans; i++) {
        const struct span *span = p->spans + i;
        const size_t n = span->stop - span->start;
        for (size_t first = 0; first < n; first += each)
            for (size_t head = 0; head < h->n_head_kv; head++, at++) {
                if (at != taken) continue;
                one_piece(p, op, span, head, first, n - first < each ? n - first : each, w);
                taken = abi_take(t, stage, 1);
            }
    }
}

#endif

/* Looking into partitions: a query meets the rows of those whose centroids are nearest to it. */
#ifndef ABI_PROBE_H
#define ABI_PROBE_H

#include "codes.h"
#include "kept.h"
#include "space.h"

#define LOOK 256 /* rows compared at a time */

struct prober {
    const struct probe *p;
    size_t query;
    struct kept kept;
    int64_t *order; /* keys of all partitions, the nearest first */
    int32_t *rows, *names;
    float *scores;
    uint8_t *tables;
    float *lookups;
};

/* How many partitions a query looks into: `nprobe`, and as many more as k rows need. */
static size_t choose_parts(struct prober *s) {
    const struct probe *p = s->p;
    const float *ranked = p->ranked + s->query * p->n_parts;
    size_t taken = p->nprobe < p->n_parts ? p->nprobe : p->n_parts;
    int64_t total = 0;
    for (size_t i = 0; i < p->n_parts; i++) s->order[i] = key_of(ranked[i], (int32_t)i);
    select_keys(s->order, p->n_parts, taken);
    for (size_t i = 0; i < taken; i++) total += p->sizes[row_in(s->order[i])];
    const int64_t wanted = p->most < (int64_t)p->k ? p->most : (int64_t)p->k;
    if (total >= wanted) {
        sort_keys(s->order, taken);
        return taken;
    }
    sort_keys(s->order, p->n_parts);
    for (; taken < p->n_parts && total < wanted; taken++) total += p->sizes[row_in(s->order[taken])];
    return taken;
}

/* A row's number in the caller's eyes. */
INLINE int32_t name_of(const struct probe *p, size_t row) {
    return p->order ? (int32_t)p->order[row] : (int32_t)row;
}

/* Rows of a partition by their vectors. */
static void meet_vectors(struct prober *s, size_t from, size_t to) {
    const struct probe *p = s->p;
    const size_t one = p->space->measure == BY_BITS ? p->space->dim : 4 * p->space->dim;
    while (from < to) {
        size_t n = 0;
        for (; from < to && n < LOOK; from++) {
            s->rows[n] = (int32_t)from;
            s->names[n] = name_of(p, from);
            n += !p->allow || p->allow[from];
        }
        score_rows(p->space, p->queries + s->query * one, s->rows, n, s->scores);
        kept_offer(&s->kept, s->names, s->scores, n);
    }
}

/* The same by their codes, 32 rows at a time, wherever they begin. */
static void meet_codes(struct prober *s, struct measure_codes by, size_t from, size_t to) {
    const struct probe *p = s->p;
    for (size_t block = from / BLOCK_ROWS; block * BLOCK_ROWS < to; block++) {
        f32x16 v[2];
        score_block(p->codes, s->tables, by, block, v);
        for (int half = 0; half < 2; half++) {
            uint32_t good = lanes_from(v[half], s->kept.worst);
            if (!good) continue;
            float scores[16];
            store_f32(scores, v[half]);
            for (; good; good &= good - 1) {
                const size_t j = (size_t)__builtin_ctz(good);
                const size_t row = block * BLOCK_ROWS + 16 * (size_t)half + j;
                if (row < from || row >= to || (p->allow && !p->allow[row])) continue;
                kept_add(&s->kept, key_of(scores[j], name_of(p, row)));
            }
        }
    }
}

/* Rows of codes of 8 bits: entries of the query's own tables, added up. */
static void meet_bytes(struct prober *s, float added, size_t from, size_t to) {
    const struct probe *p = s->p;
    const struct codes *c = p->codes;
    const float *lookups = s->lookups;
    while (from < to) {
        size_t n = 0;
        for (; from < to && n < LOOK; from++) {
            if (p->allow && !p->allow[from]) continue;
            const uint8_t *row = c->packed + from * c->m;
            float sums[4] = {0};
            size_t j = 0;
            for (; j + 4 <= c->m; j += 4)
                for (size_t i = 0; i < 4; i++) sums[i] += lookups[256 * (j + i) + row[j + i]];
            for (; j < c->m; j++) sums[0] += lookups[256 * j + row[j]];
            const float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            s->names[n] = name_of(p, from);
            s->scores[n++] = c->times * sum + added - (c->constants ? c->constants[from] : 0);
        }
        kept_offer(&s->kept, s->names, s->scores, n);
    }
}

static void meet_part(struct prober *s, struct measure_codes by, size_t part) {
    const struct probe *p = s->p;
    const size_t from = (size_t)p->offsets[part], to = (size_t)p->offsets[part + 1];
    if (!p->codes) {
        meet_vectors(s, from, to);
        return;
    }
    const float added = p->ranked[s->query * p->n_parts + part];
    by.added += added;
    if (p->codes->bits == 4) meet_codes(s, by, from, to);
    else meet_bytes(s, added, from, to);
}

static void probe_one(struct prober *s, size_t query) {
    const struct probe *p = s->p;
    struct measure_codes by = {0};
    int64_t compared = 0;
    s->query = query;
    s->kept.n = 0;
    s->kept.worst = -__builtin_inff();
    if (p->codes) {
        const size_t one = 4 * p->codes->m * p->codes->width;
        look_ups(p->codes, (const float *)(p->queries + query * one), s->lookups);
        if (p->codes->bits == 4) by = lay_tables(p->codes, s->lookups, s->tables);
    }
    const size_t taken = choose_parts(s);
    for (size_t i = 0; i < taken; i++) {
        const size_t part = (size_t)row_in(s->order[i]);
        if (!p->sizes[part]) continue;
        compared += p->offsets[part + 1] - p->offsets[part];
        meet_part(s, by, part);
    }
    kept_trim(&s->kept);
    sort_keys(s->kept.keys, s->kept.n);
    for (size_t j = 0; j < p->k; j++) {
        const int there = j < s->kept.n;
        p->rows[query * p->k + j] = there ? row_in(s->kept.keys[j]) : -1;
        p->scores[query * p->k + j] = there ? score_in(s->kept.keys[j]) : -__builtin_inff();
    }
    p->compared[query] = compared;
}

/* Bytes of a query's tables: of bytes, then of floats. */
INLINE size_t all_tables(const struct codes *c) {
    return c ? tables_size(c->m) + 4 * (c->m << c->bits) : 0;
}

/* Bytes that a thread needs. */
static size_t probe_own(const struct probe *p) {
    return (all_tables(p->codes) + 8 * (2 * p->k + p->n_parts) + 12 * LOOK + 63) / 64 * 64;
}

static void probe_all(struct thread *t, const void *arguments) {
    const struct probe *p = arguments;
    uint8_t *own = p->scratch + t->index * p->own;
    struct prober s = {.p = p, .tables = own};
    if (p->codes) s.lookups = (float *)(own + tables_size(p->codes->m));
    s.kept.keys = (int64_t *)(own + all_tables(p->codes));
    s.kept.m = p->k;
    s.order = s.kept.keys + 2 * p->k;
    s.rows = (int32_t *)(s.order + p->n_parts);
    s.names = s.rows + LOOK;
    s.scores = (float *)(s.names + LOOK);
    for (size_t q; (q = abi_take(t, 0, 1)) < p->n_queries;) probe_one(&s, q);
}

#endif

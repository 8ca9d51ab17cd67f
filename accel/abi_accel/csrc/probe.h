/* Looking into partitions: a query meets the rows of those whose centroids are nearest to it. */
#ifndef ABI_PROBE_H
#define ABI_PROBE_H

#include "codes.h"
#include "dense_many.h"
#include "kept.h"
#include "space.h"

#define LOOK 256  /* rows compared at a time */
#define RANKED 24 /* queries whose partitions are ranked together */
#define FEWEST_RANKED 6

struct prober {
    const struct probe *p;
    size_t query;
    struct kept kept;
    const float *ranking; /* scores of the query's partitions */
    int64_t *order; /* keys of all partitions, the nearest first */
    int32_t *rows, *names;
    float *scores;
    uint8_t *tables;
    float *lookups;
};

/* Scores of all partitions for some queries from q on, by products. */
static void rank_parts(const struct probe *p, size_t q, size_t count, float *own, float *out) {
    const size_t n = p->n_parts, dim = p->dim;
    const struct matmul m = {.w = p->centroids, .x = p->asked + q * dim, .out = out, .n = n,
                             .k = dim, .n_tokens = count, .ld_out = n, .type = F32};
    for (size_t from = 0; from < n; from += DENSE_CHUNK)
        many_chunk(F32, &m, from, from + DENSE_CHUNK < n ? from + DENSE_CHUNK : n, own);
    for (size_t i = 0; i < count && p->lengths; i++, out += n) {
        f32x16 square = splat(0);
        for (size_t c = 0; c < dim; c += 16) {
            const f32x16 x = load_some(m.x + i * dim + c, dim - c);
            square = fma16(x, x, square);
        }
        square = splat(sum_of(square));
        for (size_t c = 0; c < n; c += 16) {
            const f32x16 v = load_some(out + c, n - c) * 2 - load_some(p->lengths + c, n - c) - square;
            store_some(out + c, (f32x16)((i32x16)v & ~(i32x16)(v > splat(0))), n - c); /* NaN stays */
        }
    }
}

/* Bring the keys of the partitions ranked first to the front; how many there are. */
static size_t best_parts(struct prober *s, size_t wanted) {
    const size_t n = s->p->n_parts;
    struct kept best = {s->order, 0, wanted, -__builtin_inff()};
    for (size_t i = 0; i < n && wanted && 2 * wanted <= n; i += 16) {
        uint32_t good = lanes_from(load_some(s->ranking + i, n - i), best.worst);
        for (; good; good &= good - 1) {
            const size_t j = i + (size_t)__builtin_ctz(good);
            if (j < n) kept_add(&best, key_of(s->ranking[j], (int32_t)j));
        }
    }
    kept_trim(&best);
    if (best.n == wanted) return wanted;
    for (size_t i = 0; i < n; i++) s->order[i] = key_of(s->ranking[i], (int32_t)i);
    select_keys(s->order, n, wanted);
    return n;
}

/* How many partitions a query looks into: `nprobe`, and as many more as k rows need. */
static size_t choose_parts(struct prober *s) {
    const struct probe *p = s->p;
    size_t taken = p->nprobe < p->n_parts ? p->nprobe : p->n_parts, there = best_parts(s, taken);
    int64_t total = 0;
    for (size_t i = 0; i < taken; i++) total += p->sizes[row_in(s->order[i])];
    const int64_t wanted = p->most < (int64_t)p->k ? p->most : (int64_t)p->k;
    if (total >= wanted) {
        sort_keys(s->order, taken);
        return taken;
    }
    for (size_t i = 0; i < p->n_parts && there < p->n_parts; i++)
        s->order[i] = key_of(s->ranking[i], (int32_t)i);
    sort_keys(s->order, p->n_parts);
    total = 0;
    for (taken = 0; taken < p->nprobe || total < wanted; taken++) {
        if (taken == p->n_parts) break;
        total += p->sizes[row_in(s->order[taken])];
    }
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
    const float added = s->ranking[part];
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

/* Bytes of what ranks partitions; there is the last of them. */
INLINE size_t rank_own(const struct probe *p) {
    return p->ranked ? 0 : many_own() + 4 * RANKED * p->n_parts;
}

/* Bytes that a thread needs. */
static size_t probe_own(const struct probe *p) {
    const size_t keys = 8 * (2 * p->k + p->n_parts);
    return (all_tables(p->codes) + keys + 12 * LOOK + rank_own(p) + 127) / 64 * 64;
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
    if (p->ranked) {
        for (size_t q; (q = abi_take(t, 0, 1)) < p->n_queries;) {
            s.ranking = p->ranked + q * p->n_parts;
            probe_one(&s, q);
        }
        return;
    }
    float *many = (float *)(((size_t)(s.scores + LOOK) + 63) / 64 * 64), *ranked = many + many_own() / 4;
    size_t step = p->n_queries / (2 * t->count); /* so that all have some */
    step = step < FEWEST_RANKED ? FEWEST_RANKED : step > RANKED ? RANKED : step;
    for (size_t q; (q = abi_take(t, 0, step)) < p->n_queries;) {
        const size_t count = p->n_queries - q < step ? p->n_queries - q : step;
        rank_parts(p, q, count, many, ranked);
        for (size_t i = 0; i < count; i++) {
            s.ranking = ranked + i * p->n_parts;
            probe_one(&s, q + i);
        }
    }
}

#endif

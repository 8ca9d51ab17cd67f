/* Walks over an HNSW graph (algorithms 2 and 5 of Malkov and Yashunin, arXiv 1603.09320).
 *
 * With a filter only allowed rows are found: neighbours of the others are looked at in their
 * place (ACORN-1, arXiv 2403.04871), and where those are few, a sample of the others is crossed.
 */
#ifndef ABI_WALK_H
#define ABI_WALK_H

#include "beam.h"
#include "space.h"

#define BRIDGES 32 /* rows outside a filter that a walk keeps to cross them */
#define CROSSED 8  /* most of them that a step adds: the reference's add 32, of 4 to 16 rows */
#define SEEDS 64   /* most rows that a filtered walk starts from */
#define ABSENT 255

struct walker {
    const struct walk *p;
    const uint8_t *query;
    struct beam beam, bridges;
    uint8_t *marks, mark;
    int32_t *todo; /* rows to be compared, `room` at most */
    float *scores;
    size_t room, compared;
};

struct list {
    const int32_t *rows;
    size_t n;
};

/* The neighbours of a row on a layer. */
INLINE struct list list_of(const struct graph *g, size_t row, size_t layer) {
    struct list found = {g->links + row * g->width, g->width};
    if (layer) {
        const size_t at = (size_t)g->upper_start[row] + layer - 1;
        const int there = at < g->n_upper;
        found.n = there ? g->width / 2 : 0;
        found.rows = g->upper + (there ? at : 0) * (g->width / 2);
    }
    return found;
}

/* Rows of a list that were not met, and now are: into `out`. */
INLINE size_t unmet(struct walker *w, struct list list, int32_t *out) {
    size_t n = 0;
    const size_t rows = w->p->graph->n;
    for (size_t i = 0; i < list.n; i++) {
        const int32_t row = list.rows[i];
        if ((uint32_t)row >= rows) continue;
        out[n] = row;
        n += w->marks[row] != w->mark;
        w->marks[row] = w->mark;
    }
    return n;
}

/* Compare the rows to be done, and keep the best. */
INLINE void enter(struct walker *w, struct beam *beam, size_t n) {
    const struct graph *g = w->p->graph;
    score_rows(w->p->space, w->query, w->todo, n, w->scores);
    w->compared += n;
    for (size_t i = 0; i < n; i++)
        if (beam_put(beam, key_of(w->scores[i], w->todo[i])) && !w->p->layer)
            for (size_t j = 0; j < g->width; j += LINE / 4)
                __builtin_prefetch(g->links + (size_t)w->todo[i] * g->width + j, 0, 3);
}

/* From the entry down to a row of the layer, and its score. */
static int32_t descend(struct walker *w, float *score) {
    const struct graph *g = w->p->graph;
    int32_t row = (int32_t)g->entry;
    score_rows(w->p->space, w->query, &row, 1, score);
    w->compared++;
    for (size_t layer = g->levels[row]; layer > w->p->layer; layer--) {
        for (int moved = 1; moved;) {
            struct list list = list_of(g, (size_t)row, layer);
            size_t n = 0;
            for (size_t i = 0; i < list.n; i++)
                if ((uint32_t)list.rows[i] < g->n) w->todo[n++] = list.rows[i];
            score_rows(w->p->space, w->query, w->todo, n, w->scores);
            w->compared += n;
            moved = 0;
            for (size_t i = 0; i < n; i++)
                if (w->scores[i] > *score) moved = 1, *score = w->scores[i], row = w->todo[i];
        }
    }
    return row;
}

INLINE int allowed(const struct walk *p, int32_t row) {
    return p->allow[row] && p->graph->levels[row] != ABSENT;
}

/* Rows outside a filter behind others outside it: a sample of them, to be crossed. */
static void keep_bridges(struct walker *w, const int32_t *between, size_t n) {
    const struct walk *p = w->p;
    size_t there = 0, taken = 0, seen = 0;
    for (int counting = 1; counting >= 0; counting--) {
        const size_t stride = (there + CROSSED - 1) / CROSSED;
        for (size_t i = 0; i < n && taken < CROSSED; i++) {
            struct list list = list_of(p->graph, (size_t)between[i], 0);
            for (size_t j = 0; j < list.n && taken < CROSSED; j++) {
                const int32_t row = list.rows[j];
                if ((uint32_t)row >= p->graph->n || allowed(p, row)) continue;
                if (w->marks[row] == w->mark) continue;
                if (counting) there++;
                else if (seen++ % stride == 0) w->marks[row] = w->mark, w->todo[taken++] = row;
            }
        }
    }
    enter(w, &w->bridges, taken);
}

/* Enter allowed neighbours of a row, and allowed neighbours of the others. */
static void look_through(struct walker *w, int32_t row) {
    const struct walk *p = w->p;
    int32_t *between = w->todo + w->room; /* as many as a list has */
    size_t n_between = 0, n = 0, found = 0;
    size_t m = unmet(w, list_of(p->graph, (size_t)row, 0), w->todo);
    for (size_t i = 0; i < m; i++) {
        const int32_t near = w->todo[i];
        if (allowed(p, near)) w->todo[n++] = near;
        else between[n_between++] = near;
    }
    for (size_t i = 0; i < n_between; i++) {
        struct list list = list_of(p->graph, (size_t)between[i], 0);
        for (size_t j = 0; j < list.n; j++) {
            const int32_t far = list.rows[j];
            if ((uint32_t)far >= p->graph->n || w->marks[far] == w->mark) continue;
            if (!allowed(p, far)) continue;
            w->marks[far] = w->mark;
            w->todo[n++] = far;
        }
        if (n + p->graph->width > w->room) enter(w, &w->beam, n), found += n, n = 0;
    }
    enter(w, &w->beam, n);
    if (found + n < p->graph->width / 2) keep_bridges(w, between, n_between);
}

static void step_over(struct walker *w, struct beam *from, size_t at) {
    const int32_t row = row_in(from->keys[at]);
    from->keys[at] |= 1;
    if (w->p->allow) {
        look_through(w, row);
        return;
    }
    size_t n = unmet(w, list_of(w->p->graph, (size_t)row, w->p->layer), w->todo);
    enter(w, &w->beam, n);
}

static void begin(struct walker *w) {
    const struct walk *p = w->p;
    float score;
    const int32_t row = descend(w, &score);
    w->marks[row] = w->mark;
    if (!p->allow) {
        beam_put(&w->beam, key_of(score, row));
        return;
    }
    beam_put(allowed(p, row) ? &w->beam : &w->bridges, key_of(score, row));
    enter(w, &w->beam, unmet(w, (struct list){p->seeds, p->n_seeds}, w->todo));
}

/* Rows of the same block before row i of it. */
static void among_block(struct walker *w, size_t i) {
    const int32_t *block = w->p->block;
    for (size_t from = 0; from < i; from += w->room) {
        const size_t n = i - from < w->room ? i - from : w->room;
        __builtin_memcpy(w->todo, block + from, n * sizeof *block);
        enter(w, &w->beam, n);
    }
}

static void walk_one(struct walker *w, size_t i) {
    const struct walk *p = w->p;
    const struct graph *g = p->graph;
    beam_clear(&w->beam);
    if (p->allow) beam_clear(&w->bridges);
    w->compared = 0;
    if (++w->mark == 0) {
        __builtin_memset(w->marks, 0, p->marked - 1);
        w->mark = 1;
    }
    if (g->entry >= 0 && (size_t)g->entry < g->n && g->levels[g->entry] >= p->layer) begin(w);
    while (!p->budget || w->compared < p->budget) {
        const size_t at = beam_fresh(&w->beam);
        const size_t bridge = p->allow ? beam_fresh(&w->bridges) : 0;
        const int cross = p->allow && bridge < w->bridges.size &&
                          w->bridges.keys[bridge] < beam_last(&w->beam);
        if (at == w->beam.size && !cross) break;
        if (at < w->beam.size) step_over(w, &w->beam, at);
        if (cross) step_over(w, &w->bridges, bridge);
    }
    if (p->block) among_block(w, i);
    for (size_t j = 0; j < p->k; j++) {
        const int64_t key = w->beam.keys[j];
        p->rows[i * p->k + j] = key == EMPTY ? -1 : row_in(key);
        if (p->scores) p->scores[i * p->k + j] = key == EMPTY ? -__builtin_inff() : score_in(key);
    }
    if (p->compared) p->compared[i] = (int64_t)w->compared;
}

/* Bytes that a thread needs: keys of both beams, rows to do twice, scores. */
static size_t walk_room(const struct walk *p) { return 2 * p->graph->width + SEEDS + 64; }

static size_t walk_own(const struct walk *p) {
    const size_t room = walk_room(p);
    return (8 * (p->ef + BRIDGES) + 4 * (room + p->graph->width) + 4 * room + 63) / 64 * 64;
}

static void walk_all(struct thread *t, const void *arguments) {
    const struct walk *p = arguments;
    int64_t *keys = (int64_t *)(p->scratch + t->index * p->own);
    uint8_t *marks = p->marks + t->index * p->marked;
    const size_t room = walk_room(p);
    int32_t *todo = (int32_t *)(keys + p->ef + BRIDGES);
    struct walker w = {
        .p = p, .beam = {keys, p->ef, 0}, .bridges = {keys + p->ef, BRIDGES, 0},
        .marks = marks + 1, .mark = *marks, .todo = todo,
        .scores = (float *)(todo + room + p->graph->width), .room = room,
    };
    const size_t one = p->space->measure == BY_BITS ? p->space->dim : 4 * p->space->dim;
    size_t i;
    while ((i = abi_take(t, 0, 1)) < p->n_queries) {
        w.query = p->queries + i * one;
        walk_one(&w, i);
    }
    *marks = w.mark;
}

#endif

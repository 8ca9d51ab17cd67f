/* What the kernels of search are given; Python writes these and checks every size in them. */
#ifndef ABI_SEARCH_H
#define ABI_SEARCH_H

#include "abi.h"

enum measure { BY_PRODUCT, BY_DISTANCE, BY_BITS };
enum row_type { ROW_F32, ROW_F16, ROW_I8 };

/* Rows that are compared, with queries of float32; or bytes of bits with the same.
 *
 * A score by product is multiplied by the row's factor, one over its length for one, and its
 * constant is added.
 */
struct space {
    const uint8_t *rows;
    const float *norms, *constants; /* factors and constants of rows, or none */
    size_t n, dim, stride; /* numbers or bytes of a row; bytes from one row to the next */
    int32_t measure, type;
};

/* An HNSW graph; see abi.kernels.Graph. */
struct graph {
    const uint8_t *levels;
    const int32_t *links, *upper, *upper_start;
    size_t n, n_upper, width; /* width: of a list of layer 0, twice that of the others */
    int64_t entry;
};

/* A walk for each query.
 *
 * `block`, where it is given, says that query i is row block[i], which is about to be linked:
 * rows of the block before it are candidates too.
 */
struct walk {
    const struct graph *graph;
    const struct space *space;
    const uint8_t *queries; /* rows of `dim`, one after the other */
    size_t n_queries, k, ef, layer, budget;
    const uint8_t *allow;   /* or none */
    const int32_t *seeds;   /* allowed rows that a filtered walk starts from too */
    size_t n_seeds;
    const int32_t *block;   /* or none */
    int64_t *rows;          /* (n_queries, k) */
    float *scores;
    int64_t *compared;
    uint8_t *scratch;
    size_t own;    /* bytes of it that each thread has */
    uint8_t *marks; /* of rows met; first a byte, the last mark that was used */
    size_t marked; /* bytes of them that each thread has */
};

/* The choice of neighbours for each point; -1 ends nothing among its candidates. */
struct choice {
    const struct space *space;
    const int64_t *points, *candidates;
    size_t n, width, limit;
    int32_t *out; /* (n, limit) */
    uint8_t *scratch;
    size_t own;
};

/* The best of all rows for each query.
 *
 * `m` rows are kept for each; where scores are bounds at first, some more than k. With `rough`,
 * which the matrix unit alone knows, they are those of numbers rounded to bfloat16.
 */
struct scan {
    const struct space *space;
    const uint8_t *queries;
    size_t n_queries, k, m;
    const uint8_t *allow; /* or none */
    const int64_t *below; /* or none: for each query the row below which it searches */
    const float *origin;  /* or none: a point that rows lie about, far from zero */
    int64_t *rows;        /* (n_queries, k) */
    float *scores;
    uint8_t *scratch;
    size_t shared, own; /* bytes of it that all threads share, then that each has */
    int32_t rough;
};

/* Product codes: of 4 bits in blocks (codes_layout.h), or of 8 bits, a row after the other. */
struct codes {
    const uint8_t *packed;
    const float *words;     /* (m, width, 2 ^ bits) */
    const float *constants; /* what is taken off each row's score, or none */
    size_t n, m, width;     /* m: codes of a row; width: numbers that each stands for */
    float times;            /* that a product of a query with a row counts */
    int32_t bits;
};

/* A look into the nearest partitions for each query, by vectors or by codes. */
struct probe {
    const struct space *space;
    const struct codes *codes; /* or none */
    const uint8_t *queries;
    const float *ranked;    /* (n_queries, n_parts): scores of centroids, part of a code's score */
    const float *asked;     /* (n_queries, dim), where there is no `ranked` */
    const float *centroids; /* (n_parts, dim) */
    const float *lengths;   /* their squares; none by inner product */
    size_t dim;
    const int64_t *offsets; /* of partitions: their rows */
    const int64_t *sizes;   /* how many rows of each may be found */
    const int64_t *order;   /* the caller's numbers of rows, or none */
    const uint8_t *allow;   /* or none */
    size_t n_queries, n_parts, nprobe, k;
    int64_t most; /* rows that may be found, of all partitions */
    int64_t *rows;
    float *scores;
    int64_t *compared;
    uint8_t *scratch;
    size_t own;
};

/* The k best of some rows for each query; -1 is none. */
struct rescore {
    const struct space *space;
    const uint8_t *queries;
    const int64_t *given; /* (n_queries, width) */
    size_t n_queries, width, k;
    int64_t *rows;
    float *scores;
    uint8_t *scratch;
    size_t own;
};

/* Scores of single rows, each for one query; `which` ascends. */
struct pairs {
    const struct space *space;
    const uint8_t *queries;
    const int64_t *which;
    const int32_t *rows;
    float *scores;
    size_t n;
};

/* The centroid of the largest product less its offset, for each row; the first of equal ones. */
struct nearest {
    const float *rows;      /* (n, dim) */
    const float *centroids; /* (n_centroids / 16, dim, 16) */
    const float *offsets;   /* (n_centroids,): infinite where there is no centroid */
    int32_t *labels;
    size_t n, dim, n_centroids;
};

/* Sums of rows: group g is those that `order` names from `starts[g]` to the next. */
struct sums {
    const float *rows;    /* (any, dim) */
    const int64_t *order; /* (n,) */
    const int64_t *starts;
    float *out; /* (n_groups, dim) */
    size_t n, n_groups, dim;
};

/* In how many bits codes differ from queries: `(n_queries, n)`. */
struct differing {
    const uint64_t *queries, *codes; /* (n_queries, words), (n, words) */
    int32_t *out;
    size_t n_queries, n, words;
};

#endif

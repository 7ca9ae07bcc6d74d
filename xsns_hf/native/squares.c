/* sums += sum over examples b of (g_b^T a_b)^2, a tile of sums at a time, the products in registers throughout.
 *
 * Columns of g and a are first copied into panels: ROWS or COLUMNS neighbours of all tokens, one token after the
 * other, zeros where the last panel sticks out. So the innermost loop reads memory in order, and sums, which are much
 * larger than g and a, are read and written once. Rows are taken by blocks whose panels stay in the second-level cache.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
enum { WIDTH = 16, ROWS = 12 };
#else
enum { WIDTH = 8, ROWS = 6 };
#endif
enum { VECTORS = 2, COLUMNS = WIDTH * VECTORS, BLOCK = 1 << 20 }; /* ROWS * VECTORS accumulators, as many as there are registers for */

typedef float vector __attribute__((vector_size(WIDTH * sizeof(float)), aligned(sizeof(float)), may_alias));

static void copy_panel(float *panel, const float *matrix, const int64_t *tokens, int64_t count, int64_t size,
                       int64_t left, int width)
{
    int64_t inside = size - left < width ? size - left : width;
    for (int64_t t = 0; t < count; t++, panel += width) {
        const float *row = matrix + tokens[t] * size + left;
        for (int c = 0; c < width; c++) panel[c] = c < inside ? row[c] : 0;
    }
}

static void add_tile(vector squares[ROWS][VECTORS], const float *g, const float *a, const int64_t *starts,
                     int64_t examples)
{
    for (int64_t b = 0; b < examples; b++) {
        vector product[ROWS][VECTORS] = {0};
        for (int64_t t = starts[b]; t < starts[b + 1]; t++)
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    product[r][v] += g[t * ROWS + r] * *(const vector *)(a + t * COLUMNS + v * WIDTH);
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < VECTORS; v++) squares[r][v] += product[r][v] * product[r][v];
    }
}

/* Add to the rows first <= row < last of sums [*, in]. Example b has the tokens starts[b] <= t < starts[b + 1], which
 * are rows tokens[t] of gradient [*, out] and inputs [*, in]. Returns 0, or 1 if there is no memory. */
int add_squares(float *sums, const float *gradient, const float *inputs, int64_t out, int64_t in, int64_t first,
                int64_t last, const int64_t *tokens, const int64_t *starts, int64_t examples)
{
    int64_t count = starts[examples];
    int64_t height = count ? BLOCK / (int64_t)sizeof(float) / count / ROWS * ROWS : 0;
    if (height < ROWS) height = ROWS;
    if (height > last - first + ROWS) height = last - first + ROWS;
    float *g = malloc(sizeof(float) * count * (height + COLUMNS));
    if (!g) return 1;
    float *a = g + count * height;
    for (int64_t top = first; top < last; top += height) {
        int64_t bottom = last - top < height ? last : top + height;
        for (int64_t row = top; row < bottom; row += ROWS)
            copy_panel(g + (row - top) * count, gradient, tokens, count, out, row, ROWS);
        for (int64_t left = 0; left < in; left += COLUMNS) {
            copy_panel(a, inputs, tokens, count, in, left, COLUMNS);
            int64_t inside = in - left < COLUMNS ? in - left : COLUMNS;
            for (int64_t row = top; row < bottom; row += ROWS) {
                for (int64_t r = row; r < row + ROWS && r < bottom; r++)
                    for (int v = 0; v < VECTORS; v++) __builtin_prefetch(sums + r * in + left + v * WIDTH, 1);
                vector squares[ROWS][VECTORS] = {0};
                add_tile(squares, g + (row - top) * count, a, starts, examples);
                for (int64_t r = 0; r < ROWS && row + r < bottom; r++)
                    for (int64_t c = 0; c < inside; c++)
                        sums[(row + r) * in + left + c] += ((const float *)squares[r])[c];
            }
        }
    }
    free(g);
    return 0;
}

/* sums += sum over examples b of (g_b^T a_b)^2 as in squares.c, with g and a in bfloat16, by AMX's tile registers.
 *
 * A tile product takes 16 rows, 16 columns and 32 tokens at a time, and adds up in float32. Panels hold a tile after
 * the other: PAIRS pairs of tokens for SIDE rows or columns, zeros where an example's last tile or the last panel sticks
 * out. Rows are taken by blocks whose panels stay in the second-level cache.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIDE = 16, PAIRS = 16, TOKENS = 2 * PAIRS, TILE = SIDE * PAIRS, WIDE = 2 * SIDE, BLOCK = 1 << 20 };
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* of arch_prctl: Linux has programs ask before they use tiles */

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} configuration;

static int64_t tiles_of(int64_t tokens) { return (tokens + TOKENS - 1) / TOKENS; }

static void copy_panel(uint32_t *panel, const uint16_t *matrix, const int64_t *tokens, const int64_t *starts,
                       int64_t examples, int64_t size, int64_t left)
{
    static const uint16_t none[SIDE];
    int64_t inside = size - left < SIDE ? size - left : SIDE;
    for (int64_t b = 0; b < examples; b++) {
        int64_t end = starts[b] + TOKENS * tiles_of(starts[b + 1] - starts[b]);
        for (int64_t t = starts[b]; t < end; t += 2, panel += SIDE) {
            const uint16_t *first = t < starts[b + 1] ? matrix + tokens[t] * size + left : none;
            const uint16_t *second = t + 1 < starts[b + 1] ? matrix + tokens[t + 1] * size + left : none;
            if (inside == SIDE)
                for (int c = 0; c < SIDE; c++) panel[c] = first[c] | (uint32_t)second[c] << 16;
            else
                for (int c = 0; c < SIDE; c++) panel[c] = c < inside ? first[c] | (uint32_t)second[c] << 16 : 0;
        }
    }
}

static void transpose(uint32_t *panel, int64_t tiles)
{
    for (uint32_t *tile = panel; tile < panel + tiles * TILE; tile += TILE)
        for (int row = 1; row < SIDE; row++)
            for (int column = 0; column < row; column++) {
                uint32_t other = tile[row * SIDE + column];
                tile[row * SIDE + column] = tile[column * SIDE + row];
                tile[column * SIDE + row] = other;
            }
}

/* Add the squares of a panel of rows by one of columns, which stay in registers over the examples. */
static void add_tile(float *sums, int64_t in, const uint32_t *g, const uint32_t *a, const int64_t *starts,
                     int64_t examples, int64_t rows, int64_t columns)
{
    float product[TILE] __attribute__((aligned(64)));
    __m512 squares[SIDE];
    for (int r = 0; r < rows; r++) _mm_prefetch((const char *)(sums + r * in), _MM_HINT_T0);
#pragma GCC unroll 16 /* here and below: only what has no index is kept in registers */
    for (int r = 0; r < SIDE; r++) squares[r] = _mm512_setzero_ps();
    for (int64_t b = 0; b < examples; b++) {
        _tile_zero(0);
        for (int64_t tiles = tiles_of(starts[b + 1] - starts[b]); tiles; tiles--, g += TILE, a += TILE) {
            _tile_loadd(1, g, 4 * SIDE);
            _tile_loadd(2, a, 4 * SIDE);
            _tile_dpbf16ps(0, 1, 2);
        }
        _tile_stored(0, product, 4 * SIDE);
#pragma GCC unroll 16
        for (int r = 0; r < SIDE; r++) {
            __m512 row = _mm512_load_ps(product + r * SIDE);
            squares[r] = _mm512_fmadd_ps(row, row, squares[r]);
        }
    }
    __mmask16 inside = (1u << columns) - 1;
#pragma GCC unroll 16
    for (int r = 0; r < SIDE; r++, sums += in)
        if (r < rows)
            _mm512_mask_storeu_ps(sums, inside, _mm512_add_ps(squares[r], _mm512_maskz_loadu_ps(inside, sums)));
}

/* Add to the rows first <= row < last of sums; arguments as of squares.c. Returns 0, 1 if there is no memory, or 2 if
 * the system gives no tiles. */
int add_squares(float *sums, const uint16_t *gradient, const uint16_t *inputs, int64_t out, int64_t in, int64_t first,
                int64_t last, const int64_t *tokens, const int64_t *starts, int64_t examples)
{
    if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA)) return 2;
    int64_t tiles = 0;
    for (int64_t b = 0; b < examples; b++) tiles += tiles_of(starts[b + 1] - starts[b]);
    if (!tiles) return 0;
    int64_t panel = tiles * TILE, height = BLOCK / (4 * panel) / 2 * WIDE;
    if (height < WIDE) height = WIDE;
    uint32_t *g = aligned_alloc(64, 4 * panel * (height / SIDE + 2));
    if (!g) return 1;
    uint32_t *a = g + panel * (height / SIDE);
    configuration all = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) all.bytes[tile] = 4 * SIDE, all.rows[tile] = SIDE;
    _tile_loadconfig(&all);
    for (int64_t top = first; top < last; top += height) {
        int64_t bottom = last - top < height ? last : top + height;
        for (int64_t row = top; row < bottom; row += SIDE) {
            uint32_t *here = g + (row - top) / SIDE * panel;
            copy_panel(here, gradient, tokens, starts, examples, out, row);
            transpose(here, tiles);
        }
        for (int64_t left = 0; left < in; left += WIDE) {
            copy_panel(a, inputs, tokens, starts, examples, in, left);
            if (left + SIDE < in) copy_panel(a + panel, inputs, tokens, starts, examples, in, left + SIDE);
            for (int64_t row = top; row < bottom; row += SIDE)
                for (int64_t column = left; column < in && column < left + WIDE; column += SIDE)
                    add_tile(sums + row * in + column, in, g + (row - top) / SIDE * panel,
                              a + (column - left) / SIDE * panel, starts, examples,
                              bottom - row < SIDE ? bottom - row : SIDE, in - column < SIDE ? in - column : SIDE);
        }
    }
    _tile_release();
    free(g);
    return 0;
}

/* Hamming distances of packed masks: the bits in which two masks differ.
 *
 * Counting bits is most of the work. Carry-save adders (Harley and Seal) add up 16 vectors of bits digit by digit, as
 * on paper, so that the bits of one vector are counted in place of 16.
 */
#include <stdint.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#else
enum { BYTES = 32 };
#endif
enum { ADDED = 16, TILE = 8192 }; /* bytes of each mask looked at together, so that many masks' tiles are in cache */

typedef uint64_t vector __attribute__((vector_size(BYTES), aligned(1), may_alias));

#define ALL(pattern) ((vector){0} + pattern##ULL)
#define DIFFERING(k) (*(const vector *)(a + i + (k) * BYTES) ^ *(const vector *)(b + i + (k) * BYTES))

/* ones = the sum's lower digit, return its carry */
static inline vector add(vector *ones, vector a, vector b)
{
    vector half = *ones ^ a, carry = (*ones & a) | (half & b);
    *ones = half ^ b;
    return carry;
}

static inline vector count(vector x) /* the number of bits in each 64-bit word */
{
    x -= (x >> 1) & ALL(0x5555555555555555);
    x = (x & ALL(0x3333333333333333)) + ((x >> 2) & ALL(0x3333333333333333));
    x = (x + (x >> 4)) & ALL(0x0f0f0f0f0f0f0f0f);
    x = (x & ALL(0x00ff00ff00ff00ff)) + ((x >> 8) & ALL(0x00ff00ff00ff00ff));
    x = (x & ALL(0x0000ffff0000ffff)) + ((x >> 16) & ALL(0x0000ffff0000ffff));
    return (x & ALL(0x00000000ffffffff)) + (x >> 32);
}

static int64_t distance(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    vector ones = {0}, twos = {0}, fours = {0}, eights = {0}, total = {0};
    int64_t i = 0, found = 0;
    for (; i + ADDED * BYTES <= bytes; i += ADDED * BYTES) {
        vector four[2], eight[2];
        for (int half = 0; half < 2; half++) {
            for (int quarter = 0; quarter < 2; quarter++) {
                int k = 8 * half + 4 * quarter;
                vector first = add(&ones, DIFFERING(k), DIFFERING(k + 1));
                vector second = add(&ones, DIFFERING(k + 2), DIFFERING(k + 3));
                four[quarter] = add(&twos, first, second);
            }
            eight[half] = add(&fours, four[0], four[1]);
        }
        total += count(add(&eights, eight[0], eight[1]));
    }
    total = 16 * total + 8 * count(eights) + 4 * count(fours) + 2 * count(twos) + count(ones);
    for (int word = 0; word < BYTES / 8; word++) found += total[word];
    for (; i < bytes; i++) found += __builtin_popcount(a[i] ^ b[i]);
    return found;
}

/* Add to distances [rows, masks] those of masks i < rows to masks j > i, in bytes first <= byte < last. */
void add_distances(const uint8_t *const *packed, int64_t masks, int64_t rows, int64_t first, int64_t last,
                   int64_t *distances)
{
    for (int64_t left = first; left < last; left += TILE) {
        int64_t bytes = last - left < TILE ? last - left : TILE;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = i + 1; j < masks; j++)
                distances[i * masks + j] += distance(packed[i] + left, packed[j] + left, bytes);
    }
}

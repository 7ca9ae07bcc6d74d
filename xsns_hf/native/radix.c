/* Histograms of 32-bit patterns by their upper 16 bits, and by the lower 16 bits of those with given upper ones. */
#include <stdint.h>

enum { BINS = 1 << 16, TABLES = 4 }; /* neighbours go to different tables, so that equal ones needn't wait */

/* Add to counts [TABLES, BINS]. */
void count_upper(const uint32_t *patterns, int64_t size, int64_t *counts)
{
    for (int64_t i = 0; i < size; i++) counts[(i % TABLES) * BINS + (patterns[i] >> 16)]++;
}

void count_lower(const uint32_t *patterns, int64_t size, uint32_t upper, int64_t *counts)
{
    for (int64_t i = 0; i < size; i++)
        if (patterns[i] >> 16 == upper) counts[patterns[i] & (BINS - 1)]++;
}

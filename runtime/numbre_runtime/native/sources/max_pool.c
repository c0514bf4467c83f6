#if defined(__SSE2__)
#include <emmintrin.h>

/* The largest values of one window in 8 channels; SSE2 compares unsigned bytes, hence value + 128. */
static void eight_largest(const int8_t *from, size_t rows, size_t columns, size_t line, int8_t *y, const struct pool *layer)
{
    const __m128i flip = _mm_set1_epi8(-128);
    __m128i largest = _mm_xor_si128(_mm_set1_epi8(layer->low), flip);
    size_t i, j;
    for (i = 0; i < rows; i++, from += line)
        for (j = 0; j < columns; j++) {
            const int8_t *value = from + j * layer->windows.depth;
            largest = _mm_max_epu8(largest, _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)value), flip));
        }
    largest = _mm_min_epu8(largest, _mm_xor_si128(_mm_set1_epi8(layer->high), flip));
    _mm_storel_epi64((__m128i *)(void *)y, _mm_xor_si128(largest, flip));
}
#endif

/* The largest value of each window. */
static void max_pool(const int8_t *x, int8_t *y, const IN_FLASH struct pool *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t row, column, i, j, k, depth = windows->depth, line = windows->width * depth;
    for (row = 0; row < windows->rows; row++) {
        struct inside rows = inside_rows(windows, row);
        for (column = 0; column < windows->columns; column++) {
            struct inside columns = inside_columns(windows, column);
            const int8_t *source = x + rows.at * line + columns.at * depth;
            k = 0;
#if defined(__SSE2__)
            for (; k + 8 <= depth; k += 8, source += 8, y += 8)
                eight_largest(source, rows.end - rows.begin, columns.end - columns.begin, line, y, layer);
#endif
            for (; k < depth; k++, source++) {
                const int8_t *from = source;
                int8_t largest = -128;
                for (i = rows.begin; i < rows.end; i++, from += line) {
                    const int8_t *value = from;
                    for (j = columns.begin; j < columns.end; j++, value += depth)
                        largest = *value > largest ? *value : largest;
                }
                *y++ = clipped(largest, layer);
            }
        }
    }
}

#if defined(__SSE2__) && !defined(NUMBRE_NO_VECTORS)
#include <emmintrin.h>
#endif

/* Of each pair of values, y keeps the larger one. */
static void keep_larger(int8_t *y, const int8_t *other, size_t count)
{
    size_t k = 0;
#if defined(__SSE2__) && !defined(NUMBRE_NO_VECTORS)
    /* SSE2 compares unsigned bytes, hence value + 128. */
    const __m128i flip = _mm_set1_epi8(-128);
    for (; k + 8 <= count; k += 8) {
        __m128i a = _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)(y + k)), flip);
        __m128i b = _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)(other + k)), flip);
        _mm_storel_epi64((__m128i *)(void *)(y + k), _mm_xor_si128(_mm_max_epu8(a, b), flip));
    }
#endif
    for (; k < count; k++)
        if (other[k] > y[k])
            y[k] = other[k];
}

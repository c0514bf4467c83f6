#if defined(__x86_64__) && defined(__GNUC__) && !defined(NUMBRE_NO_VECTORS)
/* The same by the widest vectors of this processor, whatever the compiler was told. */
#if defined(__clang__)
#define SEPARATE
#else
#define SEPARATE __attribute__((noipa)) /* else gcc warns of vectors that a small layer's arrays have no room for */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* g++ 12 warns of its own header (GCC bug 105593) */
#endif
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

/* `requantized` of eight channels; ties upward. */
AVX512 static void requantize_eight(__m256i sums, int8_t *y, const struct scales *scales, size_t channel)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), half = _mm256_set1_epi64x((int64_t)1 << 30);
    __m256i multipliers = _mm256_set1_epi32(scales->multipliers[0]), shifts = _mm256_set1_epi32(scales->shifts[0]);
    __m256i value, even, odd, right, mask, rest;
    if (scales->step) {
        multipliers = _mm256_loadu_si256((const __m256i *)(const void *)(scales->multipliers + channel));
        shifts = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(scales->shifts + channel)));
    }
    value = _mm256_add_epi32(sums, _mm256_loadu_si256((const __m256i *)(const void *)(scales->starts + channel)));
    value = _mm256_sllv_epi32(value, _mm256_max_epi32(shifts, zero));
    even = _mm256_add_epi64(_mm256_mul_epi32(value, multipliers), half);
    odd = _mm256_mul_epi32(_mm256_srli_epi64(value, 32), _mm256_srli_epi64(multipliers, 32));
    odd = _mm256_add_epi64(_mm256_add_epi64(odd, half), _mm256_add_epi64(odd, half));
    value = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), odd, 0xaa);
    right = _mm256_abs_epi32(_mm256_min_epi32(shifts, zero));
    mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    rest = _mm256_and_si256(value, mask);
    value = _mm256_srav_epi32(value, right);
    value = _mm256_mask_add_epi32(value, _mm256_cmpgt_epu32_mask(rest, _mm256_srli_epi32(mask, 1)), value, one);
    value = _mm256_max_epi32(value, _mm256_set1_epi32(scales->low - scales->zero));
    value = _mm256_min_epi32(value, _mm256_set1_epi32(scales->high - scales->zero));
    value = _mm256_add_epi32(value, _mm256_set1_epi32(scales->zero));
    _mm_storel_epi64((__m128i *)(void *)y, _mm256_cvtepi32_epi8(value));
}

/* One vector of pairs of sums of a vector's and of another's neighbours; folding thrice leaves eight vectors' sums. */
AVX512 static __m512i folded(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

AVX512 static __m256i folded_twice(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = folded(a, b), cd = folded(c, d);
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    return _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
}

/* Eight rows at a time, 64 bytes of each. Returns how many rows it has done. VNNI multiplies unsigned with signed numbers:
   it is given weight + 128, and 128 times the sum of x is taken off. */
AVX512 SEPARATE static size_t weigh_avx512(const int8_t *x, size_t pieces, size_t apart, size_t length, int8_t *y,
                                           const int8_t *weights, size_t rows, const struct scales *scales)
{
    const __m512i flip = _mm512_set1_epi8(-128), ones = _mm512_set1_epi8(1), zero = _mm512_setzero_si512();
    size_t size = pieces * length, row, piece, at;
    for (row = 0; row + 8 <= rows; row += 8, weights += 8 * size) {
        __m512i a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero, sum = zero;
        __m256i low, high;
        const int8_t *w = weights, *from = x;
        for (piece = 0; piece < pieces; piece++, from += apart, w += length)
            for (at = 0; at < length; at += 64) {
                __mmask64 mask = length - at >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (length - at)) - 1;
                __m512i values = _mm512_maskz_loadu_epi8(mask, from + at);
                const int8_t *four = w + at + 4 * size;
#define ROW(sum, row) sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row), flip), values)
                ROW(a, w + at);
                ROW(b, w + at + size);
                ROW(c, w + at + 2 * size);
                ROW(d, w + at + 3 * size);
                ROW(e, four);
                ROW(f, four + size);
                ROW(g, four + 2 * size);
                ROW(h, four + 3 * size);
#undef ROW
                sum = _mm512_dpbusd_epi32(sum, ones, values);
            }
        sum = _mm512_slli_epi32(sum, 7);
        low = folded_twice(_mm512_sub_epi32(a, sum), _mm512_sub_epi32(b, sum), _mm512_sub_epi32(c, sum),
                           _mm512_sub_epi32(d, sum));
        high = folded_twice(_mm512_sub_epi32(e, sum), _mm512_sub_epi32(f, sum), _mm512_sub_epi32(g, sum),
                            _mm512_sub_epi32(h, sum));
        low = _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
        requantize_eight(low, y + row, scales, row);
    }
    return row;
}

/* 16 bytes at a time, widened to int16. */
__attribute__((target("avx2"))) static uint32_t dot_avx2(const int8_t *x, const int8_t *weights, size_t length)
{
    __m256i sum = _mm256_setzero_si256();
    __m128i half;
    size_t at;
    for (at = 0; at + 16 <= length; at += 16) {
        __m256i values = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(x + at)));
        __m256i factors = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(weights + at)));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values, factors));
    }
    half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half) + dot(x + at, weights + at, length - at);
}

/* Does some rows' work of `weigh`; returns how many, 0 on processors without these vectors. */
static size_t weigh_wide(const int8_t *x, size_t pieces, size_t apart, size_t length, int8_t *y, const int8_t *weights,
                         size_t rows, const struct scales *scales)
{
    size_t row = 0, piece;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        row = weigh_avx512(x, pieces, apart, length, y, weights, rows, scales);
    if (row == rows || !__builtin_cpu_supports("avx2"))
        return row;
    for (weights += row * pieces * length; row < rows; row++) {
        uint32_t sum = 0;
        for (piece = 0; piece < pieces; piece++, weights += length)
            sum += dot_avx2(x + piece * apart, weights, length);
        y[row] = requantized(sum, scales, row, 0);
    }
    return row;
}
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

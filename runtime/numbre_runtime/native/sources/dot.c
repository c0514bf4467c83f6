#if defined(__ARM_NEON) && !defined(NUMBRE_NO_VECTORS)
#include <arm_neon.h>
#elif defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__) && !defined(NUMBRE_NO_VECTORS)
#include <arm_acle.h>
#endif

#if defined(__AVR_HAVE_MUL__)
/* avr-gcc would call a function for each product. muls leaves its sign in the carry. */
#define AVR_PRODUCT_TEXT \
    "ld r22, X+\n\tlpm r23, Z+\n\tmuls r22, r23\n\tsbc r22, r22\n\t" \
    "add %A0, r0\n\tadc %B0, r1\n\tadc %C0, r22\n\tadc %D0, r22\n\t"
#define AVR_PRODUCT(text) \
    __asm__(text "clr __zero_reg__" : "+r"(sum), "+x"(x), "+z"(weights) : : "r22", "r23", "memory")
#endif

/* The sum of x[i] · weights[i], modulo 2^32. */
static uint32_t dot(const int8_t *x, const IN_FLASH int8_t *weights, size_t length)
{
    uint32_t sum = 0;
#if defined(__AVR_HAVE_MUL__)
    for (; length >= 4; length -= 4)
        AVR_PRODUCT(AVR_PRODUCT_TEXT AVR_PRODUCT_TEXT AVR_PRODUCT_TEXT AVR_PRODUCT_TEXT);
    while (length--)
        AVR_PRODUCT(AVR_PRODUCT_TEXT);
#else
#if defined(__ARM_NEON) && !defined(NUMBRE_NO_VECTORS)
    /* 16 products at a time, each an int16, added in pairs to four int32. */
    int32x4_t sums = vdupq_n_s32(0);
    int64x2_t halves;
    for (; length >= 16; length -= 16, x += 16, weights += 16) {
        int8x16_t a = vld1q_s8(x), b = vld1q_s8(weights);
        sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
        sums = vpadalq_s16(sums, vmull_s8(vget_high_s8(a), vget_high_s8(b)));
    }
    for (; length >= 8; length -= 8, x += 8, weights += 8)
        sums = vpadalq_s16(sums, vmull_s8(vld1_s8(x), vld1_s8(weights)));
    halves = vpaddlq_s32(sums);
    sum = (uint32_t)(vgetq_lane_s64(halves, 0) + vgetq_lane_s64(halves, 1));
#elif defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__) && !defined(NUMBRE_NO_VECTORS)
    /* Four products at a time: bytes 0 and 2, then bytes 1 and 3, as pairs of int16. */
    int32_t pairs = 0;
    for (; length >= 4; length -= 4, x += 4, weights += 4) {
        int8x4_t a, b;
        __builtin_memcpy(&a, x, 4);
        __builtin_memcpy(&b, weights, 4);
        pairs = __smlad(__sxtb16(a), __sxtb16(b), pairs);
        pairs = __smlad(__sxtb16((int8x4_t)((uint32_t)a >> 8)), __sxtb16((int8x4_t)((uint32_t)b >> 8)), pairs);
    }
    sum = (uint32_t)pairs;
#endif
    /* Backwards, which saves a register and an instruction. */
    while (length) {
        length--;
        sum += (uint32_t)(int32_t)(x[length] * weights[length]);
    }
#endif
    return sum;
}

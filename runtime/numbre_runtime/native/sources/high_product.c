/* a · b / 2^31, rounded to nearest, ties upward (gemmlowp's SaturatingRoundingDoublingHighMul). */
static int32_t high_product(int32_t a, int32_t b)
{
    int64_t product = (int64_t)a * b + ((int32_t)1 << 30);
    /* Put together from halves: small processors shift 64 bits one by one. */
    return (int32_t)((uint32_t)(product >> 32) << 1 | (uint32_t)product >> 31);
}

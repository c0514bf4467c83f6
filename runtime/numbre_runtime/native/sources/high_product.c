/* a · b / 2^31, rounded to nearest, ties upward (gemmlowp's SaturatingRoundingDoublingHighMul). */
static int32_t high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int32_t)1 << 30)) >> 31);
}

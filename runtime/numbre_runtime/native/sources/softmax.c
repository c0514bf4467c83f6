/* The share of each value's exponential, in fixed point (TensorFlow Lite reference/softmax.h). */
struct softmax {
    const IN_FLASH int32_t *exponentials; /* [entries], Q0.31: of 0, −1, −2, … steps; beyond, they add nothing */
    uint16_t entries;
    size_t groups, length;
};

/* 1 / (1 + x) for Q0.31 numbers from 0 to 1, by Newton's method (gemmlowp). */
static int32_t one_over_one_plus(int32_t x)
{
    int32_t half_denominator = (x >> 1) + ((int32_t)1 << 30), step;
    int32_t result = 1515870810 + high_product(half_denominator, -1010580540); /* 48/17 − 32/17 · …, Q2.29 */
    for (step = 0; step < 3; step++)
        result += high_product(result, ((int32_t)1 << 29) - high_product(half_denominator, result)) * 4;
    return result >= (int32_t)1 << 30 ? INT32_MAX : result * 2;
}

/* The exponential of a value that many steps below the largest one. */
static int32_t exponential(const IN_FLASH struct softmax *layer, int32_t below)
{
    return below < layer->entries ? layer->exponentials[below] : 0;
}

static void softmax(const int8_t *x, int8_t *y, const IN_FLASH struct softmax *layer)
{
    size_t group, at, length = layer->length;
    for (group = 0; group < layer->groups; group++, x += length, y += length) {
        int32_t largest = -128, scale;
        uint32_t sum = 0;
        uint8_t zeros = 0, right;
        for (at = 0; at < length; at++)
            largest = x[at] > largest ? x[at] : largest;
        for (at = 0; at < length; at++)
            sum += ((uint32_t)exponential(layer, largest - x[at]) + 2048) >> 12;
        while (!(sum << zeros >> 31))
            zeros++;
        scale = one_over_one_plus((int32_t)((sum << zeros) - ((uint32_t)1 << 31)));
        right = (uint8_t)(12 - zeros + 23);
        for (at = 0; at < length; at++) {
            int32_t share = high_product(exponential(layer, largest - x[at]), scale);
            share = right > 31 ? 0 : (share >> right) + ((share >> (right - 1)) & 1);
            y[at] = (int8_t)(share > 255 ? 127 : share - 128);
        }
    }
}

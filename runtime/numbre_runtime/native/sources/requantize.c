/* What turns a channel's sum into its stored output. Per tensor, `step` is 0 and all channels share the first scale. */
struct scales {
    const IN_FLASH int32_t *starts;      /* [channels]: bias, less the input's zero point times the sum of the weights */
    const IN_FLASH int32_t *multipliers; /* [channels] or [1]: Q0.31 */
    const IN_FLASH int8_t *shifts;       /* [channels] or [1]: to the left; to the right if negative */
    uint8_t step;
    int8_t zero, low, high; /* the output's zero point, smallest and largest value */
};

/* TensorFlow Lite's MultiplyByQuantizedMultiplier. Ties of the second rounding go upward, or away from zero: TensorFlow
   Lite's vector kernels do the one, its scalar kernels the other. */
static int8_t requantized(uint32_t sum, const IN_FLASH struct scales *scales, size_t channel, uint8_t away)
{
    size_t entry = scales->step ? channel : 0;
    int8_t shift = scales->shifts[entry];
    uint8_t left = (uint8_t)(shift > 0 ? shift : 0), right = (uint8_t)(shift < 0 ? -shift : 0);
    /* The reference shifts within an int32, whose overflow wraps around. */
    int32_t value = high_product((int32_t)((sum + (uint32_t)scales->starts[channel]) << left), scales->multipliers[entry]);
    int32_t low = (int32_t)scales->low - scales->zero, high = (int32_t)scales->high - scales->zero;
    if (right) {
        int32_t halves = value >> (right - 1);
        uint8_t tie = away && value < 0 && (uint32_t)halves << (right - 1) == (uint32_t)value;
        value = (halves >> 1) + ((halves & 1) && !tie);
    }
    return (int8_t)((value < low ? low : value > high ? high : value) + scales->zero);
}

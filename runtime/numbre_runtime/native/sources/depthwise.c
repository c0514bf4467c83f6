/* `multiplier` output channels from each input channel in a window. */
struct depthwise {
    struct windows windows;
    const IN_FLASH int8_t *weights; /* [tall][wide][channels] */
    struct scales scales;
    uint16_t channels, multiplier;
    int8_t input_zero;
};

static void depthwise(const int8_t *x, int8_t *y, const IN_FLASH struct depthwise *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t row, column, i, j, k, channel, channels = layer->channels, depth = windows->depth;
    size_t line = windows->dilation_y * (size_t)windows->width * depth, step = windows->dilation_x * depth;
    int8_t zero = layer->input_zero;
    for (row = 0; row < windows->rows; row++) {
        struct inside rows = inside_rows(windows, row);
        for (column = 0; column < windows->columns; column++) {
            struct inside columns = inside_columns(windows, column);
            const int8_t *source = x + (rows.at * windows->width + columns.at) * depth;
            for (channel = 0, k = 0; channel < channels; channel++) {
                const int8_t *from = source;
                uint32_t sum = 0;
                for (i = rows.begin; i < rows.end; i++, from += line) {
                    const IN_FLASH int8_t *weight = layer->weights + (i * windows->wide + columns.begin) * channels + channel;
                    const int8_t *value = from;
                    for (j = columns.begin; j < columns.end; j++, value += step, weight += channels)
                        sum += (uint32_t)((int32_t)(*value - zero) * *weight);
                }
                /* TensorFlow Lite's vector kernel takes eight channels at a time, its scalar one the last few. */
                *y++ = requantized(sum, &layer->scales, channel, channel >= (channels & ~(size_t)7));
                if (++k == layer->multiplier) {
                    k = 0;
                    source++;
                }
            }
        }
    }
}
